using System.Globalization;

namespace Workflows.Activities.Reporting;

/// <summary>Formats a number of things.</summary>
public static class Counted
{
    /// <summary>Puts a number before its noun: <c>1 node</c>, <c>2 nodes</c>, <c>0 nodes</c>.</summary>
    /// <param name="count">The number.</param>
    /// <param name="noun">The noun, whose plural ends in s.</param>
    /// <returns>The number and the noun.</returns>
    public static string Of(int count, string noun) =>
        string.Create(CultureInfo.InvariantCulture, $"{count} {noun}{(count == 1 ? "" : "s")}");
}
