using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Holdfast.Protocol.Failures;

namespace Holdfast.Server;

/// <summary>The certificate that https is served with. Its files are looked at again now and then, so that a renewed one is used without a restart; one that cannot be read changes nothing.</summary>
internal sealed class OwnCertificate
{
    private static readonly TimeSpan _looksEvery = TimeSpan.FromSeconds(5);

    private readonly TlsFiles _files;
    private readonly TimeProvider _time;
    private readonly Lock _lock = new();
    private SslStreamCertificateContext _current;
    private (DateTime, DateTime) _written;
    private long _looked;

    public OwnCertificate(TlsFiles files, TimeProvider time)
    {
        (_files, _time, _written) = (files, time, Written(files));
        (_current, _looked) = (Read(files), time.GetTimestamp());
    }

    /// <summary>The certificate, and those that vouch for it.</summary>
    public SslStreamCertificateContext Current
    {
        get
        {
            lock (_lock)
            {
                if (_time.GetElapsedTime(_looked) > _looksEvery)
                {
                    LookAgain();
                }

                return _current;
            }
        }
    }

    /// <summary>Reads certificate and key, which must belong together.</summary>
    public static SslStreamCertificateContext Read(TlsFiles files)
    {
        try
        {
            var chain = new X509Certificate2Collection();
            chain.ImportFromPemFile(files.Certificate);
            return SslStreamCertificateContext.Create(X509Certificate2.CreateFromPemFile(files.Certificate, files.Key), chain, offline: true);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or CryptographicException or ArgumentException)
        {
            throw new HoldfastException(FailureTable.InvalidRequest, $"The certificate {files.Certificate} or its key {files.Key} cannot be used: {exception.Message}", exception);
        }
    }

    /// <summary>On the loopback a process is trusted that has exactly this certificate, whatever name stands in it: it is this service itself.</summary>
    public static SocketsHttpHandler Trust(SocketsHttpHandler handler, Func<SslStreamCertificateContext?> own)
    {
        handler.SslOptions.RemoteCertificateValidationCallback = (sender, certificate, _, errors) => errors == SslPolicyErrors.None
            || (sender is SslStream { TargetHostName: "127.0.0.1" or "localhost" or "::1" or "" } && certificate is not null && own()?.TargetCertificate.RawData.AsSpan().SequenceEqual(certificate.GetRawCertData()) == true);
        return handler;
    }

    /// <summary>The old one is not disposed of: connections may be using it.</summary>
    private void LookAgain()
    {
        _looked = _time.GetTimestamp();
        var written = Written(_files);
        if (written == _written)
        {
            return;
        }

        try
        {
            _current = Read(_files);
            _written = written;
        }
        catch (HoldfastException exception)
        {
            // Half written, or not readable: the next look tries again, and the one in use goes on.
            Console.Error.WriteLine($"holdfastd: {exception.Message} The one before goes on being used.");
        }
    }

    private static (DateTime, DateTime) Written(TlsFiles files) => (Written(files.Certificate), Written(files.Key));

    /// <summary>Of what the path leads to: a renewal may change where a link points, or what a link behind it does.</summary>
    private static DateTime Written(string path)
    {
        try
        {
            using var file = File.OpenHandle(path);
            return File.GetLastWriteTimeUtc(file);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // Reading it says what is wrong.
            return default;
        }
    }
}
