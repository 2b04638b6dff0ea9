namespace Holdfast.Protocol.Messages;

/// <summary>A computer whose token the service does not know (it was rebuilt from its pods) asks for something to sign.</summary>
public sealed record AskAttachment(uint Computer);

/// <summary>What to sign: an attachment challenge of the service.</summary>
public sealed record AttachmentAsked(byte[] Challenge);

/// <summary>The computer's new token, by its SHA-256, and the signature of its certified key over challenge and hash.</summary>
public sealed record AttachComputer(byte[] Challenge, byte[] TokenHash, byte[] Proof);

/// <summary>The computer is known again.</summary>
public sealed record ComputerAttached(string AccountName, string State);

/// <summary>A person opened the account and looked at what came back: the root's signature over a challenge. From here on what is old may be collected again.</summary>
public sealed record ConfirmAccount(byte[] Challenge, byte[] Confirmation, bool AsksToRead = false);

/// <summary>Somebody who opened the account lets this computer read all of it for a while: the root's signature over a challenge.</summary>
public sealed record OpenReading(byte[] Challenge, byte[] Permission);

/// <summary>Until when it reads; seconds since 1970.</summary>
public sealed record ReadingOpened(long Until);

public sealed record AccountConfirmed(string State);
