using Holdfast.Authority.Accounts;
using Holdfast.Authority.Databases;
using Holdfast.Format.Objects;
using Holdfast.Protocol.Failures;

namespace Holdfast.Authority.Moving;

/// <summary>Makes movers of this node's stores, each under a name of its own, and ends what others began.</summary>
internal sealed class Movers(IDatabase directory, IReadOnlyDictionary<string, IDatabase> homes, string node, TimeProvider time)
{
    private const int UnsettledMost = 1000;

    private readonly Dictionary<string, IMoveSide> _sides = homes.ToDictionary(home => home.Key, home => (IMoveSide)new AccountSide(home.Value));

    private readonly MoveTurns _turns = new(Environment.ProcessorCount, time);

    public DirectoryLedger Ledger { get; } = new(directory);

    /// <summary>A mover whose name nobody else has, nor had.</summary>
    public Mover New(MoverSettings? settings = null) => new(Ledger, _sides, $"{node}:{Guid.NewGuid():N}", settings ?? MoverSettings.Default, time, _turns);

    /// <summary>Lets an account's writers go on; what is left to be done of the move is <see cref="RecoverAsync"/>'s.</summary>
    public Task ReleaseAsync(AccountId account, CancellationToken cancellation) => New().ReleaseAsync(account, cancellation);

    /// <summary>Ends a move that is fencing, given up, decided or retiring.</summary>
    public Task RecoverAsync(AccountId account, CancellationToken cancellation) => New().RecoverAsync(account, cancellation);

    /// <summary>Ends whatever is under way with an account, a way back too: it lives where the directory says, and nowhere else.</summary>
    public async Task SettleAsync(AccountId account, CancellationToken cancellation)
    {
        for (var rounds = 0; rounds < 10; rounds++)
        {
            switch ((await Ledger.ReadAsync(account, cancellation)).State)
            {
                case MoveState.None:
                    return;
                case MoveState.Copying:
                    await New().AbortAsync(account, cancellation);
                    break;
                case MoveState.Reverse:
                    await New().RetireAsync(account, cancellation);
                    break;
                default:
                    await New().RecoverAsync(account, cancellation);
                    break;
            }
        }

        throw new HoldfastException(FailureTable.Conflict, "The account is being moved, again and again: it is tried later.");
    }

    /// <summary>Ends moves whose movers were killed where nobody may go on with them, or everybody may. One whose store is away is tried the next time.</summary>
    public async Task SettleUnsettledAsync(CancellationToken cancellation)
    {
        var unsettled = await Ledger.UnsettledAsync(UnsettledMost, cancellation);
        if (unsettled.Count == 0)
        {
            return;
        }

        // A mover that is well has decided, or given up, by then.
        await Task.Delay(2 * MoverSettings.Default.FreezeMost, time, cancellation);
        foreach (var (account, _, _) in unsettled.Intersect(await Ledger.UnsettledAsync(UnsettledMost, cancellation)))
        {
            try
            {
                await RecoverAsync(account, cancellation);
            }
            catch (HoldfastException exception) when (exception.Kind == FailureTable.ServiceUnavailable || exception.Kind == FailureTable.NotFound || exception.Kind == FailureTable.PodUnavailable)
            {
                // Others do not wait for it.
            }
        }
    }
}
