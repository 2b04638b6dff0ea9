using Holdfast.Protocol.Messages;

namespace Holdfast.Authority.Verifying;

/// <summary>Live numbers of a verification. Thread-safe.</summary>
internal sealed class VerificationRun(string? account, long startedAt, long bytesTotal)
{
    private const int DamagesMax = 1000;

    private readonly Lock _lock = new();
    private readonly List<VerificationDamage> _damages = [];
    private long _snapshots;
    private long _objects;
    private long _bytes;
    private long _damageCount;
    private int _accounts;
    private long? _endedAt;
    private string? _failure;

    public string? OnlyAccount => account;

    public long StartedAt { get; } = startedAt;

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
                return new VerificationStatus(_endedAt is null ? "running" : _failure is null ? "ended" : "failed", account, StartedAt, _endedAt, _accounts, _snapshots, _objects, _bytes, bytesTotal,
                    [.. _damages], _damageCount, _failure);
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

    public void End(long at, string? failure) => Change(() => (_endedAt, _failure) = (at, failure));

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
