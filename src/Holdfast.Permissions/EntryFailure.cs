using System.Runtime.InteropServices;
using System.Text;
using Holdfast.Posix;

namespace Holdfast.Permissions;

/// <summary>An entry that could not be changed, or a directory that could not be listed.</summary>
/// <param name="Path">From the tree's root, as bytes; empty for the root.</param>
/// <param name="Error">Why.</param>
public sealed record EntryFailure(byte[] Path, Errno Error)
{
    /// <summary>The path as one can read it.</summary>
    public string Readable => Path.Length == 0 ? "." : Encoding.UTF8.GetString(Path);

    /// <summary>The path of a name in a directory, either of which may be empty.</summary>
    internal static byte[] Join(ReadOnlySpan<byte> directory, ReadOnlySpan<byte> name) =>
        directory.IsEmpty ? [.. name] : name.IsEmpty ? [.. directory] : [.. directory, (byte)'/', .. name];

    public string Reason => Marshal.GetPInvokeErrorMessage((int)Error);
}
