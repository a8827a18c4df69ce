using System.Collections;
using System.Reflection;

namespace Workflows.Service.Runs;

/// <summary>
/// Limits the length of every text of a request, and the items of every list. A field without a limit of its own has
/// the default, so a new field is always limited.
/// </summary>
internal static class TextLimits
{
    /// <summary>Most characters of a field that is not listed.</summary>
    public const int Default = 100;

    /// <summary>Most items of a list.</summary>
    public const int MostItems = 100;

    /// <summary>Most characters of a path, as in Linux.</summary>
    private const int Path = 4096;

    private static readonly Dictionary<string, int> Of = new(StringComparer.Ordinal)
    {
        ["name"] = 200,
        ["model"] = Path,
        ["data.train"] = 2 * Path,
        ["data.test"] = 2 * Path,
        ["data.validation"] = 2 * Path,
        ["tpu.network"] = 1000,
        ["tpu.subnetwork"] = 1000,
        ["tpu.serviceAccount"] = 320,
        ["tpu.runtimeVersion"] = 200,
        ["rehearsal.scenario"] = Path,
    };

    /// <summary>Checks a request.</summary>
    /// <exception cref="RunRequestException">Texts or lists are too long; every one is listed.</exception>
    public static void Require(RunRequest request)
    {
        var errors = new List<FieldError>();
        Visit(request, "", errors);
        if (errors.Count > 0)
        {
            throw new RunRequestException(errors);
        }
    }

    private static void Visit(object part, string prefix, List<FieldError> errors)
    {
        foreach (var property in part.GetType().GetProperties(BindingFlags.Public | BindingFlags.Instance))
        {
            var field = prefix + char.ToLowerInvariant(property.Name[0]) + property.Name[1..];
            switch (property.GetValue(part))
            {
                case string text:
                    Check(text, field, errors);
                    break;
                case IReadOnlyList<VariantRequest> variants:
                    // Their number has a limit of its own; more of them need not be looked at.
                    foreach (var (at, variant) in variants.Take(VariantReader.Most).Index()
                        .Where(each => each.Item is not null))
                    {
                        Visit(variant, $"{field}[{at}].", errors);
                    }

                    break;
                case ICollection { Count: > MostItems } list:
                    errors.Add(new(
                        field, $"It has {list.Count} items, {MostItems} at most.", "Leave some of them out."));
                    break;
                case IEnumerable<string> texts:
                    // Only the first is checked, since a hundred faults of one kind would not help.
                    Check(texts.FirstOrDefault(text => text?.Length > Limit(field)) ?? "", field, errors);
                    break;
                case { } inner when property.PropertyType.Namespace == typeof(RunRequest).Namespace:
                    Visit(inner, field + ".", errors);
                    break;
            }
        }
    }

    private static void Check(string text, string field, List<FieldError> errors)
    {
        if (text.Length > Limit(field))
        {
            errors.Add(new(
                field, $"It has {text.Length} characters, {Limit(field)} at most.",
                $"Shorten it to {Limit(field)} characters."));
        }
    }

    /// <summary>Returns the limit of a field; one of a variant has that of the request's field.</summary>
    private static int Limit(string field) => Of.GetValueOrDefault(
        field.StartsWith("variants[", StringComparison.Ordinal) ? field[(field.IndexOf('.') + 1)..] : field, Default);
}
