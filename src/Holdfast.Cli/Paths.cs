using System.Text;

namespace Holdfast.Cli;

/// <summary>Paths are bytes: people see them as text, and programs that need them exactly get base64 where they are not UTF-8.</summary>
internal static class Paths
{
    private static readonly UTF8Encoding _strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    public static (string Text, string? Exact) Show(byte[] path)
    {
        try
        {
            return (path.Length == 0 ? "." : _strict.GetString(path), null);
        }
        catch (DecoderFallbackException)
        {
            return (Encoding.UTF8.GetString(path), Convert.ToBase64String(path));
        }
    }
}
