using Holdfast.Format.Objects;

namespace Holdfast.Authority.Admitting;

/// <summary>What this node told computers a while ago: who comes before that is told the same, and nothing is looked up. Bounded; thread-safe.</summary>
internal sealed class ToldTurns
{
    private const int Max = 1 << 17;

    private readonly Lock _lock = new();
    private readonly Dictionary<(AccountId Account, uint Computer), Told> _told = [];
    private readonly Queue<(AccountId Account, uint Computer)> _byAge = new();

    /// <summary>Remembers what a computer was told.</summary>
    /// <param name="account">Its account.</param>
    /// <param name="computer">Its number.</param>
    /// <param name="bearer">The hash of the token that it showed: nobody else hears of it.</param>
    /// <param name="told">The answer.</param>
    public void Add(AccountId account, uint computer, ulong bearer, Answer told)
    {
        lock (_lock)
        {
            while (_byAge.Count >= Max)
            {
                _told.Remove(_byAge.Dequeue());
            }

            if (_told.TryAdd((account, computer), new Told(bearer, told)))
            {
                _byAge.Enqueue((account, computer));
            }
            else
            {
                _told[(account, computer)] = new Told(bearer, told);
            }
        }
    }

    /// <summary>What a computer was told; null if it is not known here.</summary>
    public Answer? Find(AccountId account, uint computer, ulong bearer)
    {
        lock (_lock)
        {
            return _told.TryGetValue((account, computer), out var told) && told.Bearer == bearer ? told.What : null;
        }
    }

    /// <summary>Forgets everything: the gate was changed.</summary>
    public void Clear()
    {
        lock (_lock)
        {
            _told.Clear();
            _byAge.Clear();
        }
    }

    /// <summary>A moment, and the body that says so.</summary>
    internal sealed record Answer(DateTimeOffset At, string Token, byte[] Body);

    private readonly record struct Told(ulong Bearer, Answer What);
}
