using System.Globalization;

namespace Holdfast.Permissions.Applying;

/// <summary>How many threads a run may have; may be changed while it runs.</summary>
public sealed class ThreadLimit
{
    /// <summary>Never more. Beyond, threads wait for each other in the file system's journal: on two cores 20 were no faster than two, and a parallel chmod with 20 processes took forty times as long.</summary>
    public const int Most = 20;

    private volatile int _value;
    private volatile bool _isLent;

    public ThreadLimit(int value = Most)
    {
        Value = value;
    }

    /// <summary>How many may change entries now.</summary>
    internal int Available => Math.Max(1, _isLent ? _value - 1 : _value);

    /// <exception cref="PermissionException">Less than one, or more than <see cref="Most"/>.</exception>
    public int Value
    {
        get => _value;
        set => _value = value is >= 1 and <= Most ? value : throw new PermissionException(PermissionProblem.Invalid, string.Create(CultureInfo.InvariantCulture,
            $"{value} threads are not possible: from 1 to {Most}. More than {Most} are slower, since they wait for each other in the file system's journal, and in 2010 a script with too many missed files. Without --threads as many are used as pay."));
    }

    /// <summary>Takes one of the threads for something else; false if there is only one.</summary>
    internal bool TryLend() => !_isLent && _value > 1 && (_isLent = true);

    internal void Return() => _isLent = false;
}
