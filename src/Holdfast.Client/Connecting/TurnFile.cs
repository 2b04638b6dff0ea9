using Holdfast.Client.Computers;
using Holdfast.Protocol.Failures;
using Holdfast.Protocol.Messages;

namespace Holdfast.Client.Connecting;

/// <summary>The turn that the service told this computer, kept in the cache: the next run shows it, and so keeps the computer's place. Without it the service tells another.</summary>
internal sealed class TurnFile(ComputerFolders folders)
{
    /// <summary>What the service seals is shorter; more is no turn.</summary>
    private const int LengthMax = 100;

    private readonly string _path = Path.Combine(folders.Cache, "turn");

    /// <summary>Opens a session, showing the turn if there is one; keeps the one that a refusal names.</summary>
    public async Task<SessionOpened> OpenSessionAsync(ServiceClient service, OpenSession request, CancellationToken cancellation)
    {
        try
        {
            var opened = await service.OpenSessionAsync(request, cancellation, TryRead());
            File.Delete(_path);
            return opened;
        }
        catch (HoldfastException exception) when (exception is { Turn: { } turn } && IsTurn(turn.Token))
        {
            PrivateFile.Write(_path, System.Text.Encoding.ASCII.GetBytes(turn.Token));
            throw;
        }
    }

    private string? TryRead() => File.Exists(_path) && new FileInfo(_path).Length <= LengthMax && File.ReadAllText(_path) is var text && IsTurn(text) ? text : null;

    private static bool IsTurn(string text) => text.Length is > 0 and <= LengthMax && text.All(letter => char.IsAsciiLetterOrDigit(letter) || letter is '-' or '_');
}
