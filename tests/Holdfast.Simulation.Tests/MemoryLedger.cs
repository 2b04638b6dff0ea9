using Holdfast.Authority.Accounts;
using Holdfast.Authority.Moving;
using Holdfast.Format.Objects;

namespace Holdfast.Simulation.Tests;

/// <summary>Rules of the protocol that a test switches off, to see that the simulation would notice.</summary>
[Flags]
internal enum Weakness
{
    None = 0,

    /// <summary>A fence does not wait for writers that are under way, and a commit does not look at it again.</summary>
    FenceForgetsWriters = 1,

    /// <summary>Giving up opens the source at the epoch it had.</summary>
    ThawsAtTheSameEpoch = 2,

    /// <summary>The decision looks only at who is home.</summary>
    DecidesUnchecked = 4,

    /// <summary>Rows are taken in whosever they are.</summary>
    TakesAnybodysRows = 8,

    /// <summary>A deleted row leaves nothing.</summary>
    DeletesWithoutTrace = 16,

    /// <summary>Retiring does not look at what it deletes.</summary>
    RetiresUnchecked = 32,

    /// <summary>The target numbers its writes from the beginning.</summary>
    NumbersAnew = 64,

    /// <summary>Numbers that were given out are not taken along.</summary>
    CountersAnew = 256,

    /// <summary>Of an account that was retired nothing is remembered.</summary>
    RetireForgets = 512,

    /// <summary>Of rows of one version only those of the first piece are read.</summary>
    ReadsVersionsInPart = 1024,

    /// <summary>The digests are not compared: what they would have kept from harm is seen.</summary>
    NoDigest = 128,
}

/// <summary>The directory's row of one account.</summary>
internal sealed class MemoryLedger(World world, MoveRow row)
{
    private readonly World _world = world;

    public MoveRow Row { get; private set; } = row;

    public IMoveLedger For(Actor actor) => new View(this, actor);

    private sealed class View(MemoryLedger ledger, Actor actor) : IMoveLedger
    {
        private World World => ledger._world;

        public Task<MoveRow> ReadAsync(AccountId account, CancellationToken cancellation) => World.DoAsync(actor, () => ledger.Row);

        public Task<bool> ChangeAsync(AccountId account, MoveRow from, MoveRow to, CancellationToken cancellation) => World.DoAsync(actor, () =>
        {
            var same = ledger.Row == from || ledger.Row == to || (World.Weakness.HasFlag(Weakness.DecidesUnchecked) && to.State == MoveState.Decided && ledger.Row.Home == from.Home);
            World.Decisions += same && ledger.Row != to && to.State == MoveState.Decided ? 1 : 0;
            ledger.Row = same ? to : ledger.Row;
            return same;
        });
    }
}
