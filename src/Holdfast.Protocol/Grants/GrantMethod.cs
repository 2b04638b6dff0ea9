namespace Holdfast.Protocol.Grants;

/// <summary>What a grant permits at a pod.</summary>
public enum GrantMethod : byte
{
    Put = 1,
    Get = 2,

    /// <summary>Asks for the receipt of an object that is there.</summary>
    Stat = 3,
    List = 4,
    Condemn = 5,
    Revive = 6,
    Delete = 7,

    /// <summary>Closes an account for ever: nothing of it is kept, and nothing taken.</summary>
    Close = 8,
}

/// <summary>Name spaces of objects on a pod. Everything with a number of the account's counter shares one, so a number is used once.</summary>
public enum ObjectSpace : byte
{
    Numbered = 1,
    Heads = 2,
    Log = 3,
    Keyrings = 4,

    /// <summary>Copies of the service's own databases; of no account.</summary>
    SelfBackups = 5,
}
