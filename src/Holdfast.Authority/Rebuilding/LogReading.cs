using Holdfast.Authority.Placing;
using Holdfast.Format;
using Holdfast.Format.Accounts;
using Holdfast.Format.Keyrings;
using Holdfast.Protocol.Failures;
using Holdfast.Protocol.Grants;

namespace Holdfast.Authority.Rebuilding;

/// <summary>The account log, as far as the root signed one statement after the other, and the keyrings.</summary>
internal sealed class LogReading(PodClient pod, AccountDraft draft)
{
    public async Task RunAsync(CancellationToken cancellation)
    {
        await foreach (var bytes in ReadAsync(ObjectSpace.Log, "statement", cancellation))
        {
            if (!TryTake($"account log statement behind {draft.Log.Sequence}", () => Append(OfThisAccount(Statement.Parse(bytes)))))
            {
                draft.IsLogDamaged = true;
                TakeByItself(bytes);
            }
        }

        if (draft.Log.Sequence == 0)
        {
            draft.IsLogDamaged = true;
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

    /// <summary>What is known already, from an older copy, is only seen to be there.</summary>
    private void Append(Statement statement)
    {
        if (statement.Sequence > draft.Log.Sequence)
        {
            draft.Log.Append(statement);
        }
        else if (!draft.Log.Statements[(int)statement.Sequence - 1].Bytes.Span.SequenceEqual(statement.Bytes.Span))
        {
            throw new MalformedObjectException("account log", $"statement {statement.Sequence} is another one than the service knew");
        }

        draft.StatementsOnPod.Add(statement.Sequence);
    }

    /// <summary>Behind a hole the log proves nothing any more, but what the root took away stays away: a revoked computer, a deleted snapshot.</summary>
    private void TakeByItself(byte[] bytes) => TryTake("a statement behind it", () =>
    {
        var statement = OfThisAccount(Statement.Parse(bytes));
        if (draft.Log.Sequence > 0 && statement.IsSignedBy(draft.Log.RootKey.Span))
        {
            draft.TakeAway(statement);
        }
    });

    private Statement OfThisAccount(Statement statement) =>
        statement.Account == draft.Account ? statement : throw new MalformedObjectException("account log", "a statement is of another account");

    private async IAsyncEnumerable<byte[]> ReadAsync(ObjectSpace space, string what, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellation)
    {
        await foreach (var (name, item) in pod.ListAsync(draft.Account, space, cancellation))
        {
            byte[]? bytes = null;
            try
            {
                bytes = item.Length is > 0 and <= Limits.SmallObjectLengthMax ? await pod.GetAsync(name, 0, item.Length, cancellation) : null;
            }
            catch (HoldfastException exception) when (exception.IsOfOneObject())
            {
                // Told below.
            }

            if (bytes is not null)
            {
                yield return bytes;
            }
            else
            {
                draft.IsLogDamaged |= space == ObjectSpace.Log && name.Number > draft.Log.Sequence;
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
