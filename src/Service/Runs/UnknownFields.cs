using System.Reflection;
using System.Text.Json;

namespace Workflows.Service.Runs;

/// <summary>Names all fields of a request that do not exist; the serializer names only the first.</summary>
internal static class UnknownFields
{
    private const int MostFaults = 50, MostName = 100;

    /// <summary>Finds the unknown fields.</summary>
    /// <param name="json">A request's text, which need not be JSON.</param>
    /// <param name="mostDepth">Most levels.</param>
    /// <returns>At most 50 faults; empty if the text is not JSON or has no such field.</returns>
    public static IReadOnlyList<FieldError> Of(string json, int mostDepth)
    {
        try
        {
            using var document = JsonDocument.Parse(json, new JsonDocumentOptions { MaxDepth = mostDepth });
            var faults = new List<FieldError>();
            Walk(document.RootElement, typeof(RunRequest), "", faults);
            return faults;
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException)
        {
            // The text is not JSON, or a name has half of a surrogate pair; JsonFault reports that.
            return [];
        }
    }

    private static void Walk(JsonElement element, Type type, string path, List<FieldError> faults)
    {
        if (element.ValueKind != JsonValueKind.Object)
        {
            return;
        }

        var known = type.GetProperties(BindingFlags.Public | BindingFlags.Instance);
        foreach (var field in element.EnumerateObject())
        {
            var property = known.FirstOrDefault(
                each => each.Name.Equals(field.Name, StringComparison.OrdinalIgnoreCase));
            if (property is not null)
            {
                if (property.PropertyType.Namespace == typeof(RunRequest).Namespace)
                {
                    Walk(field.Value, property.PropertyType, $"{path}{field.Name}.", faults);
                }
                else if (property.PropertyType == typeof(IReadOnlyList<VariantRequest>)
                    && field.Value.ValueKind == JsonValueKind.Array)
                {
                    foreach (var (at, item) in field.Value.EnumerateArray().Index())
                    {
                        Walk(item, typeof(VariantRequest), $"{path}{field.Name}[{at}].", faults);
                    }
                }
            }
            else if (faults.Count < MostFaults && type == typeof(VariantRequest) && IsCommon(field.Name))
            {
                faults.Add(new FieldError(
                    path + SafeText.Of(field.Name, MostName),
                    "All variants have it in common, so that their verdicts compare.",
                    $"Write it beside \"variants\"; a variant changes {string.Join(", ", known.Select(Written))}."));
            }
            else if (faults.Count < MostFaults)
            {
                faults.Add(new FieldError(
                    path + SafeText.Of(field.Name, MostName), "There is no such field.",
                    NearestName.Ask(field.Name.Length > MostName ? "" : field.Name, known.Select(Written))
                    + "See docs/requests.md for the fields; names are case-insensitive."));
            }
        }
    }

    /// <summary>Returns whether the request has a field that its variants cannot change.</summary>
    private static bool IsCommon(string name) => typeof(RunRequest).GetProperties()
        .Any(each => each.Name.Equals(name, StringComparison.OrdinalIgnoreCase));

    private static string Written(PropertyInfo property) => JsonNamingPolicy.CamelCase.ConvertName(property.Name);
}
