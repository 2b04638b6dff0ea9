namespace Holdfast.Protocol.Failures;

/// <summary>Whether trying again can help.</summary>
public enum Retry
{
    Never,
    Later,
}

/// <summary>Exit codes of the command line, the ones users of restic and borg know.</summary>
public static class ExitCode
{
    public const int Ok = 0;
    public const int Failed = 1;
    public const int Usage = 2;
    public const int Partial = 3;
    public const int NoRepository = 10;
    public const int Busy = 11;
    public const int WrongPassphrase = 12;
    public const int NotAdmitted = 75;
    public const int Interrupted = 130;
}

/// <summary>One kind of operating failure: its stable code, what it means outside, and what a person can do.</summary>
/// <param name="Code">Stable; programs may compare it.</param>
/// <param name="HttpStatus">Status of the API's answer.</param>
/// <param name="ExitCode">Exit code of the command line.</param>
/// <param name="Retry">Whether trying again can help.</param>
/// <param name="Guidance">What to do, in one sentence.</param>
public sealed record FailureKind(string Code, int HttpStatus, int ExitCode, Retry Retry, string Guidance);
