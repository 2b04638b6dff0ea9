using System.Net;
using System.Net.Http.Headers;
using Holdfast.Protocol.Failures;

namespace Holdfast.Cli.Admin;

/// <summary>Fetches an archive by ranges into FILE.ID.part, going on where it broke off, now or at an earlier run; it has its name once it is whole.</summary>
internal sealed class Download(string path, string id)
{
    private const int AttemptsMax = 5;
    private const int BufferLength = 1 << 20;

    private static readonly TimeSpan _pause = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan _patience = TimeSpan.FromMinutes(2);

    private readonly string _draft = $"{path}.{id}.part";
    private long _arrived;

    public string Path => path;

    public long Arrived => Interlocked.Read(ref _arrived);

    public long Length { get; private set; }

    public async Task RunAsync(Uri link, CancellationToken cancellation)
    {
        if (System.IO.Path.Exists(path))
        {
            throw new HoldfastException(FailureTable.Conflict, $"{path} is there already: an archive is never written over.");
        }

        if (link.Scheme != Uri.UriSchemeHttps && !link.IsLoopback)
        {
            throw new HoldfastException(FailureTable.Tampered, $"The service names {link.GetLeftPart(UriPartial.Authority)}, which is no https address.");
        }

        using var http = new HttpClient(new BrokenConnections(new SocketsHttpHandler { AllowAutoRedirect = false, UseProxy = !link.IsLoopback })) { Timeout = Timeout.InfiniteTimeSpan };
        await using var file = new FileStream(_draft, new FileStreamOptions { Mode = FileMode.OpenOrCreate, Access = FileAccess.Write, UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite, BufferSize = 0 });
        for (var attempt = 1; ; attempt++)
        {
            var before = file.Length;
            try
            {
                await FetchAsync(http, link, file, cancellation);
                break;
            }
            catch (Exception exception) when (exception is HttpRequestException or TimeoutException || (exception is IOException && (exception.HResult & 0xFFFF) != (int)Posix.Errno.NoSpace))
            {
                attempt = file.Length > before ? 1 : attempt;
                if (attempt == AttemptsMax)
                {
                    throw new HoldfastException(FailureTable.ServiceUnavailable, $"The restorer cannot be reached; run the command again, and it goes on after {Units.Bytes(file.Length)}.", exception);
                }

                await Task.Delay(_pause * attempt, TimeProvider.System, cancellation);
            }
        }

        Posix.PosixFile.Sync(file.SafeFileHandle, path);
        File.Move(_draft, path, overwrite: false);
    }

    private async Task FetchAsync(HttpClient http, Uri link, FileStream file, CancellationToken cancellation)
    {
        file.Seek(0, SeekOrigin.End);
        Interlocked.Exchange(ref _arrived, file.Length);
        using var request = new HttpRequestMessage(HttpMethod.Get, link);
        request.Headers.Range = new RangeHeaderValue(file.Length, null);

        // Another archive than the one that was begun is not gone on with.
        request.Headers.IfRange = new RangeConditionHeaderValue(new EntityTagHeaderValue($"\"{id}\""));
        using var answer = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellation);
        if (answer.StatusCode == HttpStatusCode.RequestedRangeNotSatisfiable && answer.Content.Headers.ContentRange?.Length is { } whole && whole == file.Length)
        {
            Length = whole;
            return;
        }

        if (answer.StatusCode != HttpStatusCode.PartialContent || answer.Content.Headers.ContentRange is not { From: { } from, Length: { } length } || from != file.Length)
        {
            throw answer.StatusCode is HttpStatusCode.NotFound or HttpStatusCode.Forbidden
                ? new HoldfastException(FailureTable.NotFound, "The archive is not there any more, or the link has expired.") : new HttpRequestException($"The restorer answered {(int)answer.StatusCode}.");
        }

        Length = length;
        await using var body = await answer.Content.ReadAsStreamAsync(cancellation);
        var buffer = new byte[BufferLength];
        for (int read; (read = await body.ReadAsync(buffer, cancellation).AsTask().WaitAsync(_patience, cancellation)) > 0;)
        {
            await file.WriteAsync(buffer.AsMemory(0, read), cancellation);
            Interlocked.Add(ref _arrived, read);
        }

        if (Arrived != length)
        {
            throw new HttpRequestException("The answer broke off.");
        }
    }
}
