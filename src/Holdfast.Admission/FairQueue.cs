namespace Holdfast.Admission;

/// <summary>Work that waits, by class and account: classes in strict order, and inside a class every account its share, by cost. Bounded. Not thread-safe.</summary>
/// <remarks>
/// Deficit round robin (Shreedhar and Varghese, SIGCOMM 1995): while two accounts have work waiting, what they got differs by no more than a quantum and the largest cost each, whatever the number and
/// size of their requests. Of the room that is left an account may fill half (dynamic thresholds, Choudhury and Hahne, ToN 1998): a flood of one customer is a delay for that customer, and refusals too.
/// </remarks>
/// <typeparam name="TAccount">Whose work it is.</typeparam>
/// <typeparam name="TWork">The work.</typeparam>
/// <param name="capacity">How much may wait, in pieces; more than nothing.</param>
/// <param name="isWanted">Whether somebody still waits for it: work whose client has gone is dropped when its turn comes.</param>
/// <param name="weight">An account's share against others'; one unless given, and never less.</param>
public sealed class FairQueue<TAccount, TWork>(int capacity, Func<TWork, bool> isWanted, Func<TAccount, int>? weight = null)
    where TAccount : notnull
{
    /// <summary>What an account may spend before it is the next one's turn: a few frames.</summary>
    public const long Quantum = 4 << 20;

    /// <summary>The most that one piece of work costs; more would let a lie about it stop others.</summary>
    public const long CostMax = 64 << 20;

    private readonly ClassQueue[] _classes = [.. Enum.GetValues<WorkClass>().Select(_ => new ClassQueue())];

    /// <summary>Pieces that wait.</summary>
    public int Count => _classes.Sum(queue => queue.Count);

    /// <summary>Pieces that were dropped since nobody waited for them any more.</summary>
    public long Dropped { get; private set; }

    /// <summary>Has work wait; false if there is no room for more of this account's. If the queue is full, the newest work of the lowest class behind it makes room, and is returned in <paramref name="shed"/>.</summary>
    /// <param name="workClass">What it is for.</param>
    /// <param name="account">Whose it is.</param>
    /// <param name="cost">Bytes, or what they compare to; less than one is one, and no more than <see cref="CostMax"/> counts.</param>
    /// <param name="work">The work.</param>
    /// <param name="shed">Work that has to be refused in its place; the default if there is none.</param>
    public bool TryAdd(WorkClass workClass, TAccount account, long cost, TWork work, out TWork? shed)
    {
        shed = default;
        var own = _classes[(int)workClass];
        var room = capacity - _classes.Take((int)workClass + 1).Sum(queue => queue.Count);
        if (own.CountOf(account) >= room)
        {
            return false;
        }

        if (Count >= capacity)
        {
            shed = Array.FindLast(_classes, queue => queue.Count > 0)!.TakeNewest();
        }

        own.Add(account, Math.Clamp(cost, 1, CostMax), work);
        return true;
    }

    /// <summary>Takes work out that nobody waits for any more; false if it is not here.</summary>
    public bool TryRemove(WorkClass workClass, TAccount account, TWork work)
    {
        var removed = _classes[(int)workClass].TryRemove(account, work);
        Dropped += removed ? 1 : 0;
        return removed;
    }

    /// <summary>The next work of the classes that may begin; false if none waits.</summary>
    /// <param name="lowest">The last class that may begin.</param>
    /// <param name="work">The work, and its class.</param>
    public bool TryTake(WorkClass lowest, out (WorkClass Class, TAccount Account, TWork Work) work)
    {
        for (var workClass = WorkClass.Restore; workClass <= lowest; workClass++)
        {
            while (_classes[(int)workClass].TryTake(account => Quantum * Math.Max(1, weight?.Invoke(account) ?? 1)) is (var account, var next))
            {
                if (isWanted(next))
                {
                    work = (workClass, account, next);
                    return true;
                }

                Dropped++;
            }
        }

        work = default;
        return false;
    }

    private sealed class ClassQueue
    {
        // Accounts with work, in the order of their turns.
        private readonly LinkedList<AccountQueue> _turns = [];
        private readonly Dictionary<TAccount, LinkedListNode<AccountQueue>> _accounts = [];
        private readonly LinkedList<(AccountQueue Of, LinkedListNode<(long Cost, TWork Work)> Piece)> _byAge = [];

        public int Count => _byAge.Count;

        public int CountOf(TAccount account) => _accounts.TryGetValue(account, out var turn) ? turn.Value.Waiting.Count : 0;

        public void Add(TAccount account, long cost, TWork work)
        {
            if (!_accounts.TryGetValue(account, out var turn))
            {
                turn = _accounts[account] = _turns.AddLast(new AccountQueue(account));
            }

            var piece = turn.Value.Waiting.AddLast((cost, work));
            turn.Value.Ages.AddLast(_byAge.AddLast((turn.Value, piece)));
        }

        public (TAccount Account, TWork Work)? TryTake(Func<TAccount, long> quantumOf)
        {
            while (_turns.First is { } turn)
            {
                var account = turn.Value;
                if (!account.HasQuantum)
                {
                    (account.Deficit, account.HasQuantum) = (account.Deficit + quantumOf(account.Account), true);
                }

                var (cost, work) = account.Waiting.First!.Value;
                if (cost <= account.Deficit)
                {
                    account.Deficit -= cost;
                    account.Waiting.RemoveFirst();
                    _byAge.Remove(account.Ages.First!.Value);
                    account.Ages.RemoveFirst();
                    ForgetIfEmpty(turn);
                    return (account.Account, work);
                }

                // Its turn is over; what it did not spend it keeps.
                account.HasQuantum = false;
                _turns.RemoveFirst();
                _turns.AddLast(turn);
            }

            return null;
        }

        public bool TryRemove(TAccount account, TWork work)
        {
            if (!_accounts.TryGetValue(account, out var turn))
            {
                return false;
            }

            var age = turn.Value.Ages.First;
            for (var piece = turn.Value.Waiting.First; piece is not null; (piece, age) = (piece.Next, age!.Next))
            {
                if (EqualityComparer<TWork>.Default.Equals(piece.Value.Work, work))
                {
                    turn.Value.Waiting.Remove(piece);
                    turn.Value.Ages.Remove(age!);
                    _byAge.Remove(age!.Value);
                    ForgetIfEmpty(turn);
                    return true;
                }
            }

            return false;
        }

        public TWork TakeNewest()
        {
            var (account, piece) = _byAge.Last!.Value;
            _byAge.RemoveLast();
            account.Ages.RemoveLast();
            account.Waiting.Remove(piece);
            ForgetIfEmpty(_accounts[account.Account]);
            return piece.Value.Work;
        }

        /// <summary>Who has nothing waiting saves nothing up.</summary>
        private void ForgetIfEmpty(LinkedListNode<AccountQueue> turn)
        {
            if (turn.Value.Waiting.Count == 0)
            {
                _turns.Remove(turn);
                _accounts.Remove(turn.Value.Account);
            }
        }
    }

    private sealed class AccountQueue(TAccount account)
    {
        public TAccount Account => account;

        public LinkedList<(long Cost, TWork Work)> Waiting { get; } = [];

        public LinkedList<LinkedListNode<(AccountQueue Of, LinkedListNode<(long Cost, TWork Work)> Piece)>> Ages { get; } = [];

        public long Deficit { get; set; }

        public bool HasQuantum { get; set; }
    }
}
