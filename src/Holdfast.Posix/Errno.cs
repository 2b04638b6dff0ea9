namespace Holdfast.Posix;

/// <summary>Error numbers of Linux that callers decide by.</summary>
public enum Errno
{
    None = 0,
    NotPermitted = 1,
    NoEntry = 2,
    Interrupted = 4,
    InputOutput = 5,
    AccessDenied = 13,
    Busy = 16,
    Exists = 17,
    CrossDevice = 18,
    NoDevice = 19,
    NotDirectory = 20,
    IsDirectory = 21,
    InvalidArgument = 22,
    TooManyOpenFiles = 24,
    FileTooLarge = 27,
    NoSpace = 28,
    ReadOnlyFileSystem = 30,
    WouldBlock = 11,
    RangeTooSmall = 34,
    NotEmpty = 39,
    NameTooLong = 36,
    NotImplemented = 38,
    TooManyLinks = 40,
    NoData = 61,
    NotSupported = 95,
    QuotaExceeded = 122,
    StaleHandle = 116,
}
