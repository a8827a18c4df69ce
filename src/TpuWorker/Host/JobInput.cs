using System.Text.Json;
using Workflows.TpuWorker.Gemma3;
using Workflows.Translation;

namespace Workflows.TpuWorker.Host;

/// <summary>Reads a job's files and names.</summary>
internal static class JobInput
{
    public static IReadOnlyList<TranslationDirection> Directions(string code) =>
        TranslationDirections.TryParse(code, out var directions)
            ? directions
            : throw new ModelInputException("direction", $"is '{code}', wanted ko-en, en-ko or both");

    public static IEnumerable<SentencePair> ReadPairs(string path) => File.ReadLines(path).Select(line =>
    {
        using var document = JsonDocument.Parse(line);
        return new SentencePair(
            document.RootElement.GetProperty("ko").GetString()!, document.RootElement.GetProperty("en").GetString()!);
    });

    public static string Name(PromptTemplate template) => template == PromptTemplate.Chat ? "chat" : "plain";
}
