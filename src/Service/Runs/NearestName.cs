namespace Workflows.Service.Runs;

/// <summary>Finds the name that was probably meant.</summary>
internal static class NearestName
{
    /// <summary>Formats a question for the nearest name.</summary>
    /// <param name="given">The unknown name.</param>
    /// <param name="known">The known names.</param>
    /// <returns>Such as <c>Did you mean 'us-west4-a'? </c>; empty if no name is near.</returns>
    public static string Ask(string given, IEnumerable<string> known)
    {
        var nearest = known
            .Select(name => (name, distance: Distance(given.ToUpperInvariant(), name.ToUpperInvariant())))
            .OrderBy(each => each.distance).ThenBy(each => each.name, StringComparer.Ordinal)
            .FirstOrDefault();
        return nearest.name is not null && nearest.distance <= Math.Max(2, given.Length / 3)
            ? $"Did you mean '{nearest.name}'? "
            : "";
    }

    /// <summary>Counts the fewest insertions, deletions and replacements of letters (Levenshtein 1966).</summary>
    private static int Distance(string from, string to)
    {
        var row = Enumerable.Range(0, to.Length + 1).ToArray();
        for (var i = 1; i <= from.Length; i++)
        {
            var diagonal = row[0];
            row[0] = i;
            for (var j = 1; j <= to.Length; j++)
            {
                var replaced = diagonal + (from[i - 1] == to[j - 1] ? 0 : 1);
                diagonal = row[j];
                row[j] = Math.Min(replaced, Math.Min(row[j], row[j - 1]) + 1);
            }
        }

        return row[^1];
    }
}
