// Puts objects into a set of drives until it is killed; says which were acknowledged.
// Arguments: the configuration's file, the state folder, the first number, a seed. Each line on standard output is a number that is durable.
using System.Text.Json;
using Holdfast.Pods;
using Holdfast.Pods.Drives;
using Holdfast.Pods.Serving;
using Holdfast.Pods.Tests;
using Holdfast.Protocol.Failures;
using Microsoft.Extensions.Logging.Abstractions;

var configuration = JsonSerializer.Deserialize(File.ReadAllBytes(args[0]), StatusJson.Default.DriveSetConfiguration)!;
var (next, seed) = (ulong.Parse(args[2], System.Globalization.CultureInfo.InvariantCulture), int.Parse(args[3], System.Globalization.CultureInfo.InvariantCulture));
var random = new Random(seed);
await using var store = await ShardStore.OpenAsync(configuration, args[1], TimeProvider.System, Pod.CondemnGrace, NullLogger.Instance, CancellationToken.None, StoredObjects.SmallVolumes);
Console.WriteLine("open");
var writers = Enumerable.Range(0, 4).Select(_ => Task.Run(async () =>
{
    while (true)
    {
        var number = Interlocked.Increment(ref next);
        int length;
        lock (random)
        {
            length = StoredObjects.DrawLength(random);
        }

        try
        {
            await store.PutAsync(StoredObjects.Name(number), StoredObjects.Content(number, length), CancellationToken.None);
        }
        catch (HoldfastException exception)
        {
            Console.WriteLine($"failed {exception.Kind.Code}");
            return;
        }

        Console.WriteLine($"{number} {length}");
    }
}));
await Task.WhenAll(writers);
