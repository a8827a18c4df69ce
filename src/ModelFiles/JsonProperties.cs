using System.Text.Json;

namespace Workflows.ModelFiles;

/// <summary>
/// Reads values of a JSON object by name. null counts as absent; a value of an unexpected kind is refused by name.
/// </summary>
/// <param name="path">The file that the object is from, for the message.</param>
/// <param name="element">The object.</param>
public sealed class JsonProperties(string path, JsonElement element)
{
    /// <summary>Gets a value of any kind.</summary>
    /// <param name="name">The key.</param>
    /// <returns>The value; null if it is absent or null.</returns>
    public JsonElement? Value(string name) =>
        element.TryGetProperty(name, out var value) && value.ValueKind != JsonValueKind.Null ? value : null;

    /// <summary>Gets an object.</summary>
    /// <param name="name">The key.</param>
    /// <returns>The object; null if it is absent or null.</returns>
    /// <exception cref="ModelFileException">It is something else.</exception>
    public JsonProperties? Nested(string name) => Value(name) is not { } value ? null
        : value.ValueKind == JsonValueKind.Object ? new JsonProperties(path, value)
        : throw Wrong(name, value, "an object");

    /// <summary>Gets a string.</summary>
    /// <param name="name">The key.</param>
    /// <returns>The string; null if it is absent or null.</returns>
    /// <exception cref="ModelFileException">It is something else.</exception>
    public string? Text(string name) => Value(name) is not { } value ? null
        : value.ValueKind == JsonValueKind.String ? value.GetString()
        : throw Wrong(name, value, "a text");

    /// <summary>Gets a Boolean.</summary>
    /// <param name="name">The key.</param>
    /// <returns>The value; null if it is absent or null.</returns>
    /// <exception cref="ModelFileException">It is something else.</exception>
    public bool? Boolean(string name) => Value(name) is not { } value ? null
        : value.ValueKind is JsonValueKind.True or JsonValueKind.False ? value.GetBoolean()
        : throw Wrong(name, value, "true or false");

    /// <summary>Gets a 32-bit integer.</summary>
    /// <param name="name">The key.</param>
    /// <returns>The number; null if it is absent or null.</returns>
    /// <exception cref="ModelFileException">It is something else.</exception>
    public int? WholeNumber(string name) => Value(name) is not { } value ? null
        : value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out var number) ? number
        : throw Wrong(name, value, "a whole number below 2^31");

    /// <summary>Gets a number.</summary>
    /// <param name="name">The key.</param>
    /// <returns>The number; null if it is absent or null.</returns>
    /// <exception cref="ModelFileException">It is something else.</exception>
    public double? Number(string name) => Value(name) is not { } value ? null
        : value.ValueKind == JsonValueKind.Number ? value.GetDouble()
        : throw Wrong(name, value, "a number");

    /// <summary>Gets one token id or a list of them.</summary>
    /// <param name="name">The key.</param>
    /// <returns>The ids; null if the key is absent or null.</returns>
    /// <exception cref="ModelFileException">It is something else, or an id is negative.</exception>
    public int[]? Tokens(string name)
    {
        if (Value(name) is not { } value)
        {
            return null;
        }

        JsonElement[] tokens = value.ValueKind == JsonValueKind.Array ? [.. value.EnumerateArray()] : [value];
        return Array.ConvertAll(tokens, token =>
            token.ValueKind == JsonValueKind.Number && token.TryGetInt32(out var id) && id >= 0
                ? id
                : throw Wrong(name, value, "a token id or a list of them"));
    }

    private ModelFileException Wrong(string name, JsonElement value, string wanted) =>
        new(path, $"{name} is {Shortened(value)}, wanted {wanted}");

    private static string Shortened(JsonElement value)
    {
        const int Most = 100;
        var text = value.GetRawText();
        return text.Length <= Most ? text : $"{text[..Most]}...";
    }
}
