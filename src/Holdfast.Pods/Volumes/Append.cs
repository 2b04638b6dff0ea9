using Holdfast.Protocol.Grants;

namespace Holdfast.Pods.Volumes;

/// <summary>A record that waits to be written; done once it is durable on enough drives.</summary>
internal sealed class Append(RecordType type, ObjectName name, ReadOnlyMemory<byte> content)
{
    private readonly TaskCompletionSource _done = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public RecordType Type => type;

    public ObjectName Name => name;

    public ReadOnlyMemory<byte> Content => content;

    /// <summary>Ends when the content is not needed any more: durable, or failed.</summary>
    public Task Done => _done.Task;

    public void Succeed() => _done.TrySetResult();

    public void Fail(Exception exception) => _done.TrySetException(exception);
}
