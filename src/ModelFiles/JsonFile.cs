using System.Text.Json;

namespace Workflows.ModelFiles;

/// <summary>Reads the JSON files of a folder, and reports errors in them.</summary>
public static class JsonFile
{
    // Readers differ in which of two values of a key they take, so duplicates are refused.
    private static readonly JsonDocumentOptions WithoutDuplicates = new() { AllowDuplicateProperties = false };

    /// <summary>Reads a file that must hold a JSON object.</summary>
    /// <param name="path">The file.</param>
    /// <param name="maxBytes">The most bytes that it may have; see <see cref="FileLimits"/>.</param>
    /// <param name="parse">Creates the result from the object, which is disposed after the call.</param>
    /// <typeparam name="T">The result.</typeparam>
    /// <returns>The result.</returns>
    /// <exception cref="ModelFileException">
    /// The file is missing, too large, not a regular file, not a JSON object, has a key twice, or has a value of a kind
    /// that <paramref name="parse"/> does not expect.
    /// </exception>
    public static T Read<T>(string path, long maxBytes, Func<JsonElement, T> parse) =>
        Parse(path, RegularFile.ReadAll(path, maxBytes), parse, WithoutDuplicates);

    /// <summary>
    /// Parses bytes that must be a JSON object. Duplicate keys are left to <paramref name="parse"/>, which can name the
    /// tensor; the JSON reader shows only its first letters.
    /// </summary>
    internal static T ParseTensors<T>(string path, ReadOnlyMemory<byte> json, Func<JsonElement, T> parse) =>
        Parse(path, json, parse, default);

    private static T Parse<T>(
        string path, ReadOnlyMemory<byte> json, Func<JsonElement, T> parse, JsonDocumentOptions options)
    {
        try
        {
            using var document = JsonDocument.Parse(json, options);
            return document.RootElement.ValueKind == JsonValueKind.Object
                ? parse(document.RootElement)
                : throw new ModelFileException(path, "it is not a JSON object");
        }
        catch (JsonException fault)
        {
            throw new ModelFileException(
                path, $"it is not JSON that can be used ({fault.Message})", innerException: fault);
        }
        catch (Exception fault) when (fault is InvalidOperationException or FormatException or KeyNotFoundException)
        {
            throw new ModelFileException(path, $"it cannot be read ({fault.Message})", innerException: fault);
        }
    }
}
