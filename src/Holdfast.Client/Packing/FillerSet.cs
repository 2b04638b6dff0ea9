namespace Holdfast.Client.Packing;

/// <summary>A data filler and a list filler for each reader.</summary>
internal sealed class FillerSet : IDisposable
{
    public FillerSet(Func<FrameFiller> data, Func<FrameFiller> lists, int count)
    {
        Pairs = [.. Enumerable.Range(0, count).Select(_ => (data(), lists()))];
    }

    public IReadOnlyList<(FrameFiller Data, FrameFiller Lists)> Pairs { get; }

    public void Dispose()
    {
        foreach (var (data, lists) in Pairs)
        {
            data.Dispose();
            lists.Dispose();
        }
    }
}
