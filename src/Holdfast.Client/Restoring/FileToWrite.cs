using Holdfast.Format.Trees;

namespace Holdfast.Client.Restoring;

/// <summary>A file to be written into a directory that is held open for it; <see cref="Done"/> tells its hard links that it is there.</summary>
internal sealed record FileToWrite(RestoringDirectory Directory, TreeEntry Entry)
{
    public TaskCompletionSource<bool> Done { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
}
