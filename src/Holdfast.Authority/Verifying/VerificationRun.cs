using Holdfast.Protocol.Messages;

namespace Holdfast.Authority.Verifying;

/// <summary>Live numbers of a verification that begins, or goes on from what was saved. Thread-safe.</summary>
internal sealed class VerificationRun(VerificationStatus begin)
{
    private const int DamagesMax = 1000;

    private readonly Lock _lock = new();
    private readonly List<VerificationDamage> _damages = [.. begin.Damages];
    private long _snapshots = begin.Snapshots;
    private long _objects = begin.Objects;
    private long _bytes = begin.Bytes;
    private long _damageCount = begin.DamageCount;
    private int _accounts = begin.Accounts;
    private string? _failure = begin.Failure;

    /// <summary>Snapshots, objects, bytes and damages up to now.</summary>
    public (long Snapshots, long Objects, long Bytes, long Damages) Totals
    {
        get
        {
            lock (_lock)
            {
                return (_snapshots, _objects, _bytes, _damageCount);
            }
        }
    }

    public VerificationStatus Status
    {
        get
        {
            lock (_lock)
            {
                return begin with { Accounts = _accounts, Snapshots = _snapshots, Objects = _objects, Bytes = _bytes, Damages = [.. _damages], DamageCount = _damageCount, Failure = _failure };
            }
        }
    }

    public void Snapshot() => Change(() => _snapshots++);

    public void Read(long bytes) => Change(() => (_objects, _bytes) = (_objects + 1, _bytes + bytes));

    public void Account() => Change(() => _accounts++);

    /// <summary>Forgets what was counted since <paramref name="before"/>: an account that is tried again must not count twice.</summary>
    public void BeginAgain((long Snapshots, long Objects, long Bytes, long Damages) before) => Change(() =>
    {
        (_snapshots, _objects, _bytes, _damageCount) = before;
        _damages.RemoveRange((int)Math.Min(before.Damages, _damages.Count), Math.Max(0, _damages.Count - (int)Math.Min(before.Damages, DamagesMax)));
    });

    /// <summary>Something could not be verified at all; what is said last is kept.</summary>
    public void Fail(string failure) => Change(() => _failure = failure);

    public void Damage(VerificationDamage damage) => Change(() =>
    {
        _damageCount++;
        if (_damages.Count < DamagesMax)
        {
            _damages.Add(damage);
        }
    });

    private void Change(Action change)
    {
        lock (_lock)
        {
            change();
        }
    }
}
