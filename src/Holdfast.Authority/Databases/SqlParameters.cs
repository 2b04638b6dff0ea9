using System.Collections.Concurrent;
using System.Numerics;
using System.Reflection;

namespace Holdfast.Authority.Databases;

/// <summary>Names and values of statements' parameters, from the properties of any object, in types that every engine knows.</summary>
internal static class SqlParameters
{
    /// <summary>Numbers of one list: statements stay short enough for every engine.</summary>
    public const int ListMax = 1000;

    /// <summary>Stands in every statement with such a list.</summary>
    public const string ListMark = "/*list*/";

    private static readonly ConcurrentDictionary<Type, (string Name, PropertyInfo Property)[]> _properties = new();

    public static IEnumerable<(string Name, object? Value)> Of(object? parameters) => parameters switch
    {
        null => [],
        IEnumerable<(string, object?)> pairs => pairs.Select(pair => (pair.Item1, Signed(pair.Item2))),
        _ => _properties.GetOrAdd(parameters.GetType(), PropertiesOf).Select(item => (item.Name, Signed(item.Property.GetValue(parameters)))),
    };

    /// <summary>Numbers for <c>IN (…)</c>, which no engine takes as one parameter; digits only, and never empty.</summary>
    public static string List(IReadOnlyCollection<uint> numbers) => ListMark + (numbers.Count == 0 ? "NULL" : string.Join(',', numbers));

    /// <summary>Numbers for <c>IN (…)</c> as parameters: as many as the next power of two, the last again and again, so that texts come again and engines need not think of them anew.</summary>
    /// <returns>What stands in the brackets, and the parameters.</returns>
    public static (string List, IReadOnlyList<(string Name, object? Value)> Parameters) Numbers(string name, IReadOnlyList<uint> numbers)
    {
        var parameters = numbers.Count == 0 ? [] : Enumerable.Range(0, (int)BitOperations.RoundUpToPowerOf2((uint)numbers.Count)).Select(i => ($"{name}{i}", (object?)(long)numbers[Math.Min(i, numbers.Count - 1)])).ToList();
        return (numbers.Count == 0 ? "NULL" : string.Join(", ", parameters.Select(parameter => $"@{parameter.Item1}")), parameters);
    }

    /// <summary><c>AND column IN (…)</c>, or nothing if <paramref name="ids"/> is null. Ids are the directory's own: letters, digits and hyphens.</summary>
    public static string Among(string column, IReadOnlyCollection<string>? ids) => ids is null ? ""
        : $"AND {column} IN ({ListMark}{(ids.Count == 0 ? "NULL" : string.Join(", ", ids.Select(id => id.All(letter => char.IsAsciiLetterOrDigit(letter) || letter == '-') ? $"'{id}'" : throw new ArgumentException("no id", nameof(ids)))))})";

    // Engines compare names of parameters with their case.
    private static (string, PropertyInfo)[] PropertiesOf(Type type) => [.. type.GetProperties().Select(property => (char.ToLowerInvariant(property.Name[0]) + property.Name[1..], property))];

    /// <summary>PostgreSQL has no unsigned numbers.</summary>
    private static object? Signed(object? value) => value switch
    {
        uint number => (long)number,
        ulong number => checked((long)number),
        _ => value,
    };
}
