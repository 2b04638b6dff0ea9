using Holdfast.Authority.Placing;
using Holdfast.Format.Objects;
using Holdfast.Protocol.Grants;

namespace Holdfast.Authority.SelfBackups;

/// <summary>A self-backup on the pod.</summary>
/// <param name="Number">Which; later ones have higher numbers.</param>
/// <param name="Parts">Each part, its length, and since when it is on its way out, seconds since 1970.</param>
/// <param name="StoredAt">When the last part came, seconds since 1970.</param>
internal sealed record StoredSelfBackup(uint Number, IReadOnlyList<(uint Part, long Length, long? CondemnedAt)> Parts, long StoredAt);

/// <summary>The self-backups that the pod has.</summary>
internal sealed class StoredSelfBackups(PodClient pod, TimeProvider time)
{
    /// <summary>Longer than the pod's own.</summary>
    private static readonly TimeSpan _grace = TimeSpan.FromHours(25);

    /// <summary>All that are whole, the oldest first; with <paramref name="all"/> also those that are not, or no longer.</summary>
    public async Task<IReadOnlyList<StoredSelfBackup>> ListAsync(CancellationToken cancellation, bool all = false)
    {
        var found = new SortedDictionary<uint, List<(uint Part, long Length, long StoredAt, long? CondemnedAt)>>();
        await foreach (var (name, item) in pod.ListAsync(default, ObjectSpace.SelfBackups, cancellation))
        {
            var number = (uint)(name.Number >> 32);
            (found.TryGetValue(number, out var parts) ? parts : found[number] = []).Add(((uint)name.Number, item.Length, item.StoredAt, item.CondemnedAt));
        }

        var backups = new List<StoredSelfBackup>();
        foreach (var (number, parts) in found)
        {
            var backup = new StoredSelfBackup(number, [.. parts.Select(part => (part.Part, part.Length, part.CondemnedAt))], parts.Max(part => part.StoredAt));
            if (all || (backup.Parts.All(part => part.CondemnedAt is null) && await IsWholeAsync(backup, cancellation)))
            {
                backups.Add(backup);
            }
        }

        return backups;
    }

    /// <summary>Gives up all but the latest, and those that never were whole; what was given up long enough ago is deleted.</summary>
    public async Task PruneAsync(int kept, CancellationToken cancellation)
    {
        var keep = (await ListAsync(cancellation)).TakeLast(kept).Select(backup => backup.Number).ToHashSet();
        var newest = keep.DefaultIfEmpty().Max();

        // What is newer than the newest may be under way on another node.
        foreach (var backup in (await ListAsync(cancellation, all: true)).Where(backup => backup.Number < newest && !keep.Contains(backup.Number)))
        {
            foreach (var (part, _, condemnedAt) in backup.Parts)
            {
                var name = ObjectName.OfSelfBackup(backup.Number, part);
                if (condemnedAt is null)
                {
                    await pod.CondemnAsync(name, cancellation);
                }
                else if (DateTimeOffset.FromUnixTimeSeconds(condemnedAt.Value) + _grace < time.GetUtcNow())
                {
                    await pod.DeleteAsync(name, cancellation);
                }
            }
        }
    }

    private async Task<bool> IsWholeAsync(StoredSelfBackup backup, CancellationToken cancellation)
    {
        var last = backup.Parts[^1].Part;
        try
        {
            return last == backup.Parts.Count - 1 && SealedPart.IsLast(await pod.GetAsync(ObjectName.OfSelfBackup(backup.Number, last), 0, SealedPart.ClearLength, cancellation), backup.Number, last);
        }
        catch (Exception exception) when (exception.IsOfOneObject())
        {
            // It is none, and keeps no other from being one.
            return false;
        }
    }
}
