using System.Buffers.Text;
using System.Text;
using Holdfast.Client;
using Holdfast.Format.Objects;
using Holdfast.Format.Trees;
using Holdfast.Protocol.Failures;
using Holdfast.Protocol.Grants;
using Holdfast.Protocol.Messages;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Holdfast.Restorer.Browsing;

/// <summary>Answers the authority what is in a managed account, under a pass of two minutes for that account.</summary>
internal sealed class BrowseEndpoints(AuthorityKey authority, BrowsedAccounts accounts, TimeProvider time)
{
    private const int EntriesMax = 1000;

    private static readonly TimeSpan _searchesFor = TimeSpan.FromSeconds(20);

    public void Map(IEndpointRouteBuilder routes)
    {
        routes.MapGet("/v1/browse/snapshots", (Delegate)((HttpContext context) => accounts.AskAsync(AccountOf(context), (_, snapshots) => Task.FromResult(TypedResults.Json(
            new BrowsedSnapshots([.. snapshots.OrderByDescending(snapshot => snapshot.ReceivedAt).Select(Describe)]), MessageJson.Default.BrowsedSnapshots)), context.RequestAborted)));
        routes.MapGet("/v1/browse/snapshots/{snapshot}/entries", (HttpContext context, string snapshot, string path, int limit, string? search, string? after) => accounts.AskAsync(AccountOf(context), async (account, snapshots) =>
        {
            var wanted = snapshots.FirstOrDefault(item => Convert.ToHexStringLower(item.Head.Id) == snapshot) ?? throw new HoldfastException(FailureTable.NotFound, $"There is no snapshot {snapshot}.");
            var (listing, count) = (new SnapshotListing(account), Math.Clamp(limit, 1, EntriesMax));
            return TypedResults.Json(search is null
                ? await ListAsync(listing.ChildrenAsync(wanted, path, NameOf(after), context.RequestAborted), path, count)
                : await SearchAsync(listing.EntriesAsync(wanted, path.Trim('/').Length == 0 ? null : path, context.RequestAborted), search, count), MessageJson.Default.BrowsedEntries);
        }, context.RequestAborted));
    }

    private static async Task<BrowsedEntries> ListAsync(IAsyncEnumerable<TreeEntry> children, string path, int limit)
    {
        var (entries, last) = (new List<BrowsedEntry>(), Array.Empty<byte>());
        await foreach (var child in children)
        {
            if (entries.Count == limit)
            {
                return new BrowsedEntries(entries, Base64Url.EncodeToString(last), true);
            }

            last = child.Name;
            entries.Add(Describe([.. Encoding.UTF8.GetBytes(path.TrimEnd('/')), (byte)'/', .. child.Name], child));
        }

        return new BrowsedEntries(entries, null, true);
    }

    private async Task<BrowsedEntries> SearchAsync(IAsyncEnumerable<(byte[] Directory, TreeEntry Entry)> all, string text, int limit)
    {
        var (entries, started) = (new List<BrowsedEntry>(), time.GetTimestamp());
        await foreach (var (directory, entry) in all)
        {
            if (entries.Count == limit || time.GetElapsedTime(started) > _searchesFor)
            {
                return new BrowsedEntries(entries, null, false);
            }

            if (Encoding.UTF8.GetString(entry.Name).Contains(text, StringComparison.OrdinalIgnoreCase))
            {
                entries.Add(Describe([.. directory, (byte)'/', .. entry.Name], entry));
            }
        }

        return new BrowsedEntries(entries, null, true);
    }

    /// <summary>Names are bytes, and so is the cursor.</summary>
    private static byte[]? NameOf(string? cursor)
    {
        try
        {
            return cursor is null ? null : Base64Url.DecodeFromChars(cursor);
        }
        catch (FormatException exception)
        {
            throw new HoldfastException(FailureTable.InvalidRequest, "The cursor is none that this service gave.", exception);
        }
    }

    private AccountId AccountOf(HttpContext context)
    {
        var header = context.Request.Headers.Authorization.ToString();
        return new AccountId(authority.Require(header.StartsWith("Pass ", StringComparison.Ordinal) ? header[5..] : null, PassPurpose.Browse, time.GetUtcNow()).ToByteArray());
    }

    private static BrowsedSnapshot Describe(OpenedSnapshot snapshot) => new(
        Convert.ToHexStringLower(snapshot.Head.Id), snapshot.Computer, snapshot.ClientTime.ToUnixTimeSeconds(), snapshot.ReceivedAt.ToUnixTimeSeconds(), (long)snapshot.Body.Files, (long)snapshot.Body.Bytes,
        [.. snapshot.Body.Paths.Select(path => Encoding.UTF8.GetString(path))]);

    private static BrowsedEntry Describe(byte[] path, TreeEntry entry) => new(
        Encoding.UTF8.GetString(path), path, entry.Type.ToString().ToLowerInvariant(), (long)Math.Min(entry.Size, long.MaxValue), entry.ModifiedSeconds, Convert.ToString(entry.Mode, 8));
}
