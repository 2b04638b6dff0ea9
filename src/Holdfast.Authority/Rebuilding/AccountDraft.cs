using Holdfast.Format.Accounts;
using Holdfast.Format.Objects;

namespace Holdfast.Authority.Rebuilding;

/// <summary>What is known of an account while it is rebuilt; does not grow with its packs or snapshots.</summary>
internal sealed class AccountDraft(AccountId account)
{
    private const int TroublesMax = 1000;

    private readonly List<string> _troubles = [];

    public AccountId Account { get; } = account;

    public AccountLog Log { get; set; } = AccountLog.Verify([]);

    public List<byte[]> Keyrings { get; } = [];

    public int Snapshots { get; set; }

    public long Objects { get; set; }

    public long Bytes { get; set; }

    public IReadOnlyList<string> Troubles => _troubles;

    /// <summary>The highest number of the account's counter that anything mentions.</summary>
    public uint HighestNumber { get; private set; }

    public uint HighestComputer { get; private set; }

    public void SawNumber(uint number) => HighestNumber = Math.Max(HighestNumber, number);

    public void SawComputer(uint computer) => HighestComputer = Math.Max(HighestComputer, computer);

    public void Trouble(string what)
    {
        if (_troubles.Count < TroublesMax)
        {
            _troubles.Add(what);
        }
    }
}
