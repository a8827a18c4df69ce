namespace Microsoft.DurableTask;

/// <summary>The order of task versions: by number where both are numbers, else by text ignoring case.</summary>
internal static class VersionOrder
{
    public static int Compare(string? left, string? right)
    {
        if (string.IsNullOrEmpty(left) || string.IsNullOrEmpty(right))
        {
            return (string.IsNullOrEmpty(left) ? 0 : 1) - (string.IsNullOrEmpty(right) ? 0 : 1);
        }

        return System.Version.TryParse(
            left, out System.Version? a) && System.Version.TryParse(right, out System.Version? b)
            ? a.CompareTo(b)
            : string.Compare(left, right, StringComparison.OrdinalIgnoreCase);
    }
}
