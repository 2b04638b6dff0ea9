using System.Diagnostics;
using System.Globalization;
using Holdfast.Authority.Accounts;
using Holdfast.Authority.Moving;
using Holdfast.Format.Objects;
using Holdfast.Moving;

// mover DIRECTORY A B ACCOUNT TARGET STEP before|behind kill|hold: moves an account there, or back while there is a way; kills itself at a step, or says that it is there and waits to be told to go on.
// client DIRECTORY A B ACCOUNT NAME SEED: writes until it is killed.
await using var service = await MovingService.OpenAsync(args[1], args[2], args[3], CancellationToken.None);
var account = AccountId.Parse(args[4]);
if (args[0] == "client")
{
    Console.WriteLine("up");
    await new Client(service, account, args[5], int.Parse(args[6], CultureInfo.InvariantCulture)).RunAsync(Console.Out, CancellationToken.None);
    return;
}

var (at, isBehind) = (int.Parse(args[6], CultureInfo.InvariantCulture), args[7] == "behind");
var mover = new Steps(async step =>
{
    if (step.Number != at || step.IsBehind != isBehind)
    {
        return;
    }

    Console.WriteLine($"at {step.What}");
    if (args[8] == "kill")
    {
        // As kill -9: nothing of this process runs any more.
        Process.GetCurrentProcess().Kill();
    }

    await Console.In.ReadLineAsync();
}).NewMover(service);
var watch = new MoveWatch();
var row = await service.Ledger.ReadAsync(account, CancellationToken.None);
var outcome = row.State == MoveState.Reverse && row.Other == args[5]
    ? await mover.ReverseAsync(account, watch, CancellationToken.None) : await mover.MoveAsync(account, args[5], watch, CancellationToken.None);
Console.WriteLine($"{outcome} {watch.Reason}");
