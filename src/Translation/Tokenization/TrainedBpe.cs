using System.Text.Encodings.Web;
using System.Text.Json;

namespace Workflows.Translation.Tokenization;

/// <summary>A vocabulary that <see cref="BpeTrainer"/> trained.</summary>
public sealed class TrainedBpe
{
    internal static readonly string[] ControlTokens =
        ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>", "<start_of_turn>", "<end_of_turn>"];

    // Control tokens, the line break and the bytes.
    internal static readonly int ReservedCount = ControlTokens.Length + 1 + 256;

    private readonly List<string> _vocabulary;
    private readonly List<(string Left, string Right)> _merges;

    internal TrainedBpe(List<string> characters, List<(string Left, string Right)> merges)
    {
        _merges = merges;
        _vocabulary =
        [
            .. ControlTokens, "\n", .. Enumerable.Range(0, 256).Select(value => $"<0x{value:X2}>"),
            .. characters, .. merges.Select(merge => merge.Left + merge.Right),
        ];
    }

    /// <summary>Entries of the vocabulary.</summary>
    public int VocabularySize => _vocabulary.Count;

    /// <summary>Writes a Hugging Face <c>tokenizer.json</c> that <see cref="BpeTokenizer.Load"/> reads.</summary>
    /// <param name="path">The file, which is replaced.</param>
    public void Save(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);

        using var stream = File.Create(path);
        var options = new JsonWriterOptions
        {
            Indented = true,
            IndentSize = 1,
            NewLine = "\n",
            Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        };
        using (var json = new Utf8JsonWriter(stream, options))
        {
            Write(json);
        }

        stream.WriteByte((byte)'\n');
    }

    private void Write(Utf8JsonWriter json)
    {
        json.WriteStartObject();
        json.WriteString("version", "1.0");
        json.WriteNull("truncation");
        json.WriteNull("padding");
        json.WriteStartArray("added_tokens");
        for (var id = 0; id <= ControlTokens.Length; id++)
        {
            WriteAddedToken(json, id);
        }

        json.WriteEndArray();
        WritePipeline(json);
        WriteModel(json);
        json.WriteEndObject();
    }

    private void WriteAddedToken(Utf8JsonWriter json, int id)
    {
        json.WriteStartObject();
        json.WriteNumber("id", id);
        json.WriteString("content", _vocabulary[id]);
        json.WriteBoolean("single_word", false);
        json.WriteBoolean("lstrip", false);
        json.WriteBoolean("rstrip", false);
        json.WriteBoolean("normalized", false);
        json.WriteBoolean("special", id < ControlTokens.Length);
        json.WriteEndObject();
    }

    private static void WritePipeline(Utf8JsonWriter json)
    {
        json.WritePropertyName("normalizer");
        json.WriteRawValue("""{"type":"Replace","pattern":{"String":" "},"content":"▁"}""");
        json.WritePropertyName("pre_tokenizer");
        json.WriteRawValue(
            """{"type":"Split","pattern":{"String":" "},"behavior":"MergedWithPrevious","invert":false}""");
        json.WritePropertyName("post_processor");
        json.WriteRawValue("""
            {"type":"TemplateProcessing",
            "single":[{"SpecialToken":{"id":"<bos>","type_id":0}},{"Sequence":{"id":"A","type_id":0}}],
            "pair":[{"SpecialToken":{"id":"<bos>","type_id":0}},{"Sequence":{"id":"A","type_id":0}},
            {"SpecialToken":{"id":"<bos>","type_id":1}},{"Sequence":{"id":"B","type_id":1}}],
            "special_tokens":{"<bos>":{"id":"<bos>","ids":[2],"tokens":["<bos>"]}}}
            """);
        json.WritePropertyName("decoder");
        json.WriteRawValue("""
            {"type":"Sequence","decoders":[{"type":"Replace","pattern":{"String":"▁"},"content":" "},
            {"type":"ByteFallback"},{"type":"Fuse"}]}
            """);
    }

    private void WriteModel(Utf8JsonWriter json)
    {
        json.WriteStartObject("model");
        json.WriteString("type", "BPE");
        json.WriteNull("dropout");
        json.WriteString("unk_token", "<unk>");
        json.WriteNull("continuing_subword_prefix");
        json.WriteNull("end_of_word_suffix");
        json.WriteBoolean("fuse_unk", true);
        json.WriteBoolean("byte_fallback", true);
        json.WriteBoolean("ignore_merges", false);
        json.WriteStartObject("vocab");
        for (var id = 0; id < _vocabulary.Count; id++)
        {
            json.WriteNumber(_vocabulary[id], id);
        }

        json.WriteEndObject();
        json.WriteStartArray("merges");
        foreach (var (left, right) in _merges)
        {
            json.WriteStartArray();
            json.WriteStringValue(left);
            json.WriteStringValue(right);
            json.WriteEndArray();
        }

        json.WriteEndArray();
        json.WriteEndObject();
    }
}
