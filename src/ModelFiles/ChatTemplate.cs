using System.Text;
using System.Text.Json;

namespace Workflows.ModelFiles;

/// <summary>Finds the chat template of a model folder: its own file, or a key of tokenizer_config.json.</summary>
public static class ChatTemplate
{
    /// <summary>The file that holds the plain template; written with a tuned model that has none.</summary>
    public const string FileName = "chat_template.jinja";

    /// <summary>The file in which older tools keep the template, as JSON.</summary>
    public const string JsonFileName = "chat_template.json";

    /// <summary>The file that has a key for the template among many others.</summary>
    public const string TokenizerConfigName = "tokenizer_config.json";

    /// <summary>Gemma's chat template, with which the worker trains and translates, for a model without one.</summary>
    public const string OfGemma =
        "<bos>{% for message in messages %}<start_of_turn>"
        + "{{ 'model' if message['role'] == 'assistant' else 'user' }}\n{{ message['content'] | trim }}<end_of_turn>\n"
        + "{% endfor %}{% if add_generation_prompt %}<start_of_turn>model\n{% endif %}";

    private const string Key = "chat_template";

    /// <summary>
    /// Reads the template. If several files have one, the first of chat_template.jinja, chat_template.json and
    /// tokenizer_config.json counts, as in transformers.
    /// </summary>
    /// <param name="directory">A model folder.</param>
    /// <returns>The template; null if no file has one.</returns>
    /// <exception cref="ModelFileException">A file is damaged, even one that is not used.</exception>
    public static string? Read(string directory)
    {
        var path = Path.Combine(directory, FileName);
        var own = File.Exists(path)
            ? Encoding.UTF8.GetString(RegularFile.ReadAll(path, FileLimits.Configuration))
            : null;
        var json = ReadKey(Path.Combine(directory, JsonFileName), FileLimits.Configuration);
        var config = ReadKey(Path.Combine(directory, TokenizerConfigName), FileLimits.TokenizerConfiguration);
        return own ?? json ?? config;
    }

    private static string? ReadKey(string path, long maxBytes) => !File.Exists(path)
        ? null
        : JsonFile.Read(
            path, maxBytes, root => root.TryGetProperty(Key, out var template) ? Text(path, template) : null);

    private static string? Text(string path, JsonElement template) => template.ValueKind switch
    {
        JsonValueKind.Null => null,
        JsonValueKind.String => template.GetString(),
        JsonValueKind.Array => Named(path, template),
        _ => throw Wrong(path),
    };

    /// <summary>Chooses from a list of named templates: "default" if there is one, else the first.</summary>
    private static string? Named(string path, JsonElement templates)
    {
        string? first = null;
        foreach (var template in templates.EnumerateArray())
        {
            if (template.ValueKind != JsonValueKind.Object)
            {
                throw Wrong(path);
            }

            var properties = new JsonProperties(path, template);
            var text = properties.Text("template") ?? throw Wrong(path);
            if (properties.Text("name") == "default")
            {
                return text;
            }

            first ??= text;
        }

        return first;
    }

    private static ModelFileException Wrong(string path) =>
        new(path, $"{Key} is neither a text nor a list of objects with name and template");
}
