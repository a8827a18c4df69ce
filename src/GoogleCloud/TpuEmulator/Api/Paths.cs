using System.Globalization;
using Workflows.GoogleCloud.TpuEmulator.Cloud;

namespace Workflows.GoogleCloud.TpuEmulator.Api;

/// <summary>Builds and parses resource names.</summary>
internal static class Paths
{
    public static (string Project, string Zone) Parent(string parent) =>
        parent.Split('/') is ["projects", { Length: > 0 } project, "locations", { Length: > 0 } zone]
            ? (project, zone)
            : throw new CloudException(Refusals.Bad(
                $"'{parent}' is not a location; expected projects/PROJECT/locations/ZONE."));

    /// <summary>Splits a name before its collection into parent and last part.</summary>
    public static (string Parent, string Id) Child(string name)
    {
        var parts = name.Split('/');
        return parts.Length == 6
            ? (string.Join('/', parts[..4]), parts[5])
            : throw new CloudException(Refusals.Bad($"'{name}' is not a resource name."));
    }
}

/// <summary>Splits lists into pages; the page token is the offset.</summary>
internal static class Paging
{
    public static (IReadOnlyList<T> Page, string Next) Of<T>(IReadOnlyList<T> all, int size, string token)
    {
        var from = token.Length == 0 ? 0
            : int.TryParse(token, CultureInfo.InvariantCulture, out var offset) && offset >= 0 ? offset
            : throw new CloudException(Refusals.Bad($"'{token}' is not a page token."));
        var page = all.Skip(from).Take(size <= 0 ? 500 : size).ToList();
        var next = from + page.Count;
        return (page, next < all.Count ? next.ToString(CultureInfo.InvariantCulture) : "");
    }
}
