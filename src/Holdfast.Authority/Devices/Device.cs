using Holdfast.Authority.Accounts;

namespace Holdfast.Authority.Devices;

/// <summary>What a computer's token may do. More needs a person.</summary>
internal enum DeviceRights
{
    /// <summary>Asked to be let in, and waits for somebody with the passphrase.</summary>
    Waiting,

    /// <summary>Adds backups; reads the log, the keyring, heads, index segments, tables of packs, and what it wrote itself.</summary>
    Add,

    /// <summary>Somebody opened the account at it a moment ago, or an older client enrolled it: reads the account's stored objects, which only the passphrase opens.</summary>
    Read,
}

/// <summary>The computer that a request comes from.</summary>
/// <param name="Place">Its account.</param>
/// <param name="Computer">Its number.</param>
/// <param name="Rights">What its token may do.</param>
/// <param name="LastBackupAt">When its newest snapshot was received, Unix seconds.</param>
/// <param name="LastSeconds">How long its last backup took.</param>
internal sealed record Device(AccountPlace Place, uint Computer, DeviceRights Rights, long? LastBackupAt, long LastSeconds);
