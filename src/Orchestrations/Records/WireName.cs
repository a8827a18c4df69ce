using System.Reflection;
using System.Text.Json.Serialization;

namespace Workflows.Orchestrations;

/// <summary>
/// Maps the members of enums to their names in requests, files and histories; <see cref="object.ToString"/> would
/// return the C# name instead.
/// </summary>
public static class WireName
{
    /// <summary>Returns the written name of a member.</summary>
    /// <typeparam name="T">An enum whose members carry <see cref="JsonStringEnumMemberNameAttribute"/>.</typeparam>
    /// <param name="value">The member.</param>
    /// <returns>Its name, such as <c>on-demand</c>.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The value is not a member.</exception>
    public static string Of<T>(T value)
        where T : struct, Enum =>
        Table<T>.Names.TryGetValue(value, out var name)
            ? name
            : throw new ArgumentOutOfRangeException(nameof(value), value, $"It is no member of {typeof(T).Name}.");

    /// <summary>Lists the written names of an enum in the order of its members.</summary>
    /// <typeparam name="T">The enum.</typeparam>
    /// <returns>The names.</returns>
    public static IReadOnlyList<string> All<T>()
        where T : struct, Enum => Table<T>.Ordered;

    /// <summary>Finds the member of a written name.</summary>
    /// <typeparam name="T">The enum.</typeparam>
    /// <param name="name">The name, in the case in which it is written.</param>
    /// <param name="value">The member.</param>
    /// <returns>false for a name that no member has.</returns>
    public static bool TryParse<T>(string? name, out T value)
        where T : struct, Enum
    {
        foreach (var (member, written) in Table<T>.Names)
        {
            if (written == name)
            {
                value = member;
                return true;
            }
        }

        value = default;
        return false;
    }

    private static class Table<T>
        where T : struct, Enum
    {
        public static readonly IReadOnlyList<string> Ordered = [.. Enum.GetValues<T>().Select(Written)];

        public static readonly IReadOnlyDictionary<T, string> Names =
            Enum.GetValues<T>().ToDictionary(value => value, Written);

        private static string Written(T value) => typeof(T).GetField(value.ToString())!
            .GetCustomAttribute<JsonStringEnumMemberNameAttribute>()?.Name
            ?? throw new InvalidOperationException($"{typeof(T).Name}.{value} has no written name.");
    }
}
