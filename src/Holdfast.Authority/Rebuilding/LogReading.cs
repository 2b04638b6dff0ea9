using Holdfast.Authority.Placing;
using Holdfast.Format;
using Holdfast.Format.Accounts;
using Holdfast.Format.Keyrings;
using Holdfast.Protocol.Failures;
using Holdfast.Protocol.Grants;

namespace Holdfast.Authority.Rebuilding;

/// <summary>The account log and the keyrings, as far as the root signed them one after the other.</summary>
internal sealed class LogReading(PodClient pod, AccountDraft draft)
{
    public async Task RunAsync(CancellationToken cancellation)
    {
        await foreach (var bytes in ReadAsync(ObjectSpace.Log, "statement", cancellation))
        {
            if (!TryTake($"account log statement {draft.Log.Sequence + 1}", () => draft.Log.Append(Statement.Parse(bytes))))
            {
                // What follows cannot be proved any more.
                break;
            }
        }

        if (draft.Log.Sequence == 0)
        {
            draft.Trouble("its log does not begin: no computer is certified, and nothing that lies there can be proved");
        }

        foreach (var computer in draft.Log.Computers.Keys)
        {
            draft.SawComputer(computer);
        }

        await foreach (var bytes in ReadAsync(ObjectSpace.Keyrings, "keyring", cancellation))
        {
            TryTake("a keyring", () => draft.Keyrings.Add(KeyringObject.Parse(bytes) is var keyring && keyring.Account == draft.Account && keyring.IsSignedBy(draft.Log.RootKey.Span)
                ? bytes : throw new MalformedObjectException("keyring", "the root did not sign it")));
        }
    }

    private async IAsyncEnumerable<byte[]> ReadAsync(ObjectSpace space, string what, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellation)
    {
        await foreach (var (name, item) in pod.ListAsync(draft.Account, space, cancellation))
        {
            byte[]? bytes = null;
            try
            {
                bytes = item.Length is > 0 and <= Limits.SmallObjectLengthMax ? await pod.GetAsync(name, 0, item.Length, cancellation) : null;
            }
            catch (HoldfastException exception) when (exception.Kind == FailureTable.DamagedObject)
            {
                // Told below.
            }

            if (bytes is not null)
            {
                yield return bytes;
            }
            else
            {
                draft.Trouble($"{what} {name.Number} cannot be read");
            }
        }
    }

    private bool TryTake(string what, Action take)
    {
        try
        {
            take();
            return true;
        }
        catch (MalformedObjectException exception)
        {
            draft.Trouble($"{what}: {exception.Message}");
            return false;
        }
    }
}
