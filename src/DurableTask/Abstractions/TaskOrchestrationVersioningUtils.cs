namespace Microsoft.DurableTask.Abstractions;

/// <summary>The order of task versions: by number where both are numbers, else by text ignoring case.</summary>
public static class TaskOrchestrationVersioningUtils
{
    /// <summary>Compares two versions.</summary>
    /// <param name="sourceVersion">One version.</param>
    /// <param name="otherVersion">The other one.</param>
    /// <returns>Negative, zero or positive, as the first is lower, equal or higher; a blank version is the
    /// lowest.</returns>
    public static int CompareVersions(string sourceVersion, string otherVersion)
    {
        if (string.IsNullOrWhiteSpace(sourceVersion) || string.IsNullOrWhiteSpace(otherVersion))
        {
            return (string.IsNullOrWhiteSpace(sourceVersion) ? 0 : 1)
                - (string.IsNullOrWhiteSpace(otherVersion) ? 0 : 1);
        }

        return Version.TryParse(sourceVersion, out Version? source)
            && Version.TryParse(otherVersion, out Version? other)
            ? source.CompareTo(other)
            : string.Compare(sourceVersion, otherVersion, StringComparison.OrdinalIgnoreCase);
    }
}
