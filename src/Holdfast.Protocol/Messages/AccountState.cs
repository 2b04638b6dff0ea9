namespace Holdfast.Protocol.Messages;

/// <summary>What an account's row in the directory says of it.</summary>
public static class AccountState
{
    public const string Open = "open";

    /// <summary>It backs up nothing until its operator lets it go on; what it is besides is kept, and restores go on.</summary>
    public const string Suspended = "suspended";

    /// <summary>It backs up nothing and restores as always until its date; then it is deleted for good.</summary>
    public const string Closing = "closing";

    /// <summary>Its date has come, and it is being deleted.</summary>
    public const string Purging = "purging";

    /// <summary>It came back from pods alone: backups and restores work, and nothing of it is collected until a person who can open it has confirmed it (format rule 18).</summary>
    public const string Rebuilt = "rebuilt";

    /// <summary>It came back with a hole in its log: computers that are certified back up and restore, and nobody is let in anew until the operator has found the missing statements and rebuilt again.</summary>
    public const string LogDamaged = "log_damaged";
}
