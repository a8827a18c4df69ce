using System.Text.Json.Nodes;

namespace Workflows.Service.Tests.Hosting;

/// <summary>Compares JSON with the schemas of the API's document: kinds, words, required members, and none that are not
/// described.</summary>
/// <param name="document">The document.</param>
internal sealed class ApiSchema(JsonNode document)
{
    /// <summary>Lists the differences of a value from a schema.</summary>
    public IEnumerable<string> Faults(JsonObject schema, JsonNode? value, string at)
    {
        if (schema["$ref"] is { } reference)
        {
            var name = ((string)reference!).Split('/')[^1];
            return Faults(document["components"]!["schemas"]![name]!.AsObject(), value, at);
        }

        if (schema["oneOf"] is JsonArray several)
        {
            return several.Any(each => !Faults(each!.AsObject(), value, at).Any())
                ? [] : [$"{at} is none of its forms: {Short(value)}"];
        }

        return Own(schema, value, at);
    }

    private IEnumerable<string> Own(JsonObject schema, JsonNode? value, string at)
    {
        var kinds = schema["type"] switch
        {
            JsonArray all => all.Select(each => (string)each!).ToList(),
            JsonValue one => [(string)one!],
            _ => [],
        };
        var kind = KindOf(value);
        if (kinds.Count > 0 && !kinds.Contains(kind) && !(kind == "integer" && kinds.Contains("number")))
        {
            yield return $"{at} is no {string.Join(" or ", kinds)}: {Short(value)}";
            yield break;
        }

        if (schema["enum"] is JsonArray words && !words.Any(word => JsonNode.DeepEquals(word, value)))
        {
            yield return $"{at} is none of its words: {Short(value)}";
        }

        var inner = value switch
        {
            JsonArray items when schema["items"] is JsonObject item =>
                items.SelectMany((each, index) => Faults(item, each, $"{at}[{index}]")),
            JsonObject members => Members(schema, members, at),
            _ => [],
        };
        foreach (var fault in inner)
        {
            yield return fault;
        }
    }

    private IEnumerable<string> Members(JsonObject schema, JsonObject members, string at)
    {
        foreach (var name in schema["required"]?.AsArray().Select(each => (string)each!) ?? [])
        {
            if (!members.ContainsKey(name))
            {
                yield return $"{at} has no {name}";
            }
        }

        var described = schema["properties"] as JsonObject;
        foreach (var (name, member) in members)
        {
            var its = described?[name] as JsonObject ?? schema["additionalProperties"] as JsonObject;
            if (its is null && described is { Count: > 0 })
            {
                yield return $"{at}.{name} is not described";
            }

            foreach (var fault in its is null ? [] : Faults(its, member, $"{at}.{name}"))
            {
                yield return fault;
            }
        }
    }

    private static string KindOf(JsonNode? value) => value?.GetValueKind() switch
    {
        null or System.Text.Json.JsonValueKind.Null => "null",
        System.Text.Json.JsonValueKind.Object => "object",
        System.Text.Json.JsonValueKind.Array => "array",
        System.Text.Json.JsonValueKind.String => "string",
        System.Text.Json.JsonValueKind.Number =>
            value.ToJsonString().AsSpan().IndexOfAny('.', 'e', 'E') < 0 ? "integer" : "number",
        _ => "boolean",
    };

    private static string Short(JsonNode? value) =>
        value?.ToJsonString() is { } text ? text[..Math.Min(80, text.Length)] : "null";
}
