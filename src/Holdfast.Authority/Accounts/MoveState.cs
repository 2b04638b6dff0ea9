namespace Holdfast.Authority.Accounts;

/// <summary>Where a move of an account stands, in the directory: what it says is so, whatever the stores say (docs/locking.md has the table).</summary>
internal enum MoveState
{
    /// <summary>Nothing is under way.</summary>
    None,

    /// <summary>Rows go to the target while the source is used. Gives up at no cost.</summary>
    Copying,

    /// <summary>The source takes no writes any more. Who finds this and did not begin it gives up: it never goes on.</summary>
    Fencing,

    /// <summary>Given up: the source opens again, at an epoch that nobody else knows, and the target is wiped.</summary>
    Aborting,

    /// <summary>The target is home: the only point of no return. Whoever finds this completes it.</summary>
    Decided,

    /// <summary>The target is used; the source has all rows up to the decision, and could be home again once it has those that came since.</summary>
    Reverse,

    /// <summary>The source's rows are deleted.</summary>
    Retiring,
}
