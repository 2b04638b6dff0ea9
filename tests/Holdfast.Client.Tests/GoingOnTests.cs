using System.Text;
using CsCheck;
using Holdfast.Client.Archiving;

namespace Holdfast.Client.Tests;

/// <summary>An archive goes on behind the path that it came to.</summary>
public sealed class GoingOnTests
{
    [Fact]
    public void The_order_of_paths_is_that_of_a_walk() => Gen.Char['-', '2'].Array[1, 3].Select(name => new string(name).Replace('/', '.')).Array[1, 4].Select(names => string.Join('/', names)).Array[2, 40].Sample(paths =>
    {
        // With every directory above them, as a walk meets them: by names, a directory before what is in it.
        var walk = paths.SelectMany(path => path.Split('/').Select((_, depth) => string.Join('/', path.Split('/').Take(depth + 1)))).Distinct()
            .Order(Comparer<string>.Create((a, b) => Compare(a.Split('/'), b.Split('/')))).ToList();
        for (var at = 0; at < walk.Count; at++)
        {
            for (var other = 0; other < walk.Count; other++)
            {
                Assert.Equal(at > other, ArchiveReader.IsBehind(Encoding.ASCII.GetBytes(walk[at]), Encoding.ASCII.GetBytes(walk[other])));
            }
        }
    });

    private static int Compare(string[] a, string[] b)
    {
        for (var i = 0; i < Math.Min(a.Length, b.Length); i++)
        {
            if (string.CompareOrdinal(a[i], b[i]) is not 0 and var order)
            {
                return order;
            }
        }

        return a.Length - b.Length;
    }
}
