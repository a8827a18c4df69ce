using Workflows.ModelFiles;
using Workflows.TpuWorker.Gemma3;
using Workflows.TpuWorker.Gemma3.Training;
using Workflows.Translation;
using Workflows.Translation.Tokenization;

namespace Workflows.TpuWorker.Host;

/// <summary>Converts sentence pairs to token sequences in a model's template, the same in training and
/// decoding.</summary>
/// <param name="tokenizer">The model's tokenizer.</param>
/// <param name="direction">The direction.</param>
/// <param name="style"><c>brief</c> or <c>translategemma</c>: the wording of the request, in the chat template.</param>
/// <param name="template">The template around it.</param>
public sealed class Prompts(
    BpeTokenizer tokenizer, TranslationDirection direction, string style,
    PromptTemplate template = PromptTemplate.Chat)
{
    private readonly PromptStyle _style = style == "brief" ? PromptStyle.Brief : PromptStyle.TranslateGemma;

    // The template's parts are tokenized with control tokens, sentences without: a sentence that contains <end_of_turn>
    // must not end the turn. Control tokens are at the boundaries, so the parts tokenize as the whole would. In the
    // plain template line ends are at the boundaries, which the tokenizer never merges with a text either.
    private readonly int[] _before = tokenizer.Encode(template == PromptTemplate.Chat
        ? $"{GemmaPrompt.BeginOfText}{GemmaPrompt.StartOfTurn}user\n"
        : GemmaPrompt.BeginOfText);

    private readonly int[] _after = tokenizer.Encode(template == PromptTemplate.Chat
        ? $"{GemmaPrompt.EndOfTurn}\n{GemmaPrompt.StartOfTurn}model\n"
        : $"\n{GemmaPrompt.TargetLanguage(direction)}:\n");

    /// <summary>Gets the template.</summary>
    public PromptTemplate Template { get; } = template;

    /// <summary>
    /// Gets the tokens that end an answer. In the plain template a new line does as well: an untuned model continues
    /// with a next example instead of ending.
    /// </summary>
    public IReadOnlyList<int> StopTokens => Template == PromptTemplate.Chat
        ? [tokenizer.EndOfTurnId, tokenizer.EosId]
        : [tokenizer.EosId, .. NewLine];

    /// <summary>Gets the token that ends an answer in training, and so in the tuned model.</summary>
    public int EndOfAnswer => Template == PromptTemplate.Chat ? tokenizer.EndOfTurnId : tokenizer.EosId;

    private IEnumerable<int> NewLine => tokenizer.Encode("\n") is [var token] ? [token] : [];

    /// <summary>Reads the tokenizer of a model folder and creates its prompts.</summary>
    /// <param name="directory">The folder, whose tokenizer is used.</param>
    /// <param name="direction">The direction.</param>
    /// <param name="style"><c>brief</c> or <c>translategemma</c>.</param>
    /// <param name="template"><c>auto</c> (or empty) to choose by the folder's files, <c>chat</c> or
    /// <c>plain</c>.</param>
    /// <returns>The prompts.</returns>
    /// <exception cref="ModelInputException">The template is none of these.</exception>
    /// <exception cref="ModelFileException">A file of the folder cannot be used.</exception>
    public static Prompts Load(string directory, TranslationDirection direction, string style, string template)
    {
        var folder = ModelFolder.Open(directory);
        var tokenizer = folder.LoadTokenizer();
        return new Prompts(tokenizer, direction, style, template switch
        {
            "" or "auto" => folder.IsChat(tokenizer.EndOfTurnId) ? PromptTemplate.Chat : PromptTemplate.Plain,
            "chat" => PromptTemplate.Chat,
            "plain" => PromptTemplate.Plain,
            _ => throw new ModelInputException("prompt template", $"is '{template}', wanted auto, chat or plain"),
        });
    }

    /// <summary>Builds a training sequence from a pair: the prompt, the translation, and the token that ends
    /// it.</summary>
    /// <param name="pair">The pair.</param>
    /// <returns>The sequence, with the loss only on the translation.</returns>
    public TrainingExample Example(SentencePair pair)
    {
        var prompt = Prompt(pair);
        var answer = tokenizer.EncodeText(Target(pair));
        return new TrainingExample([.. prompt, .. answer, EndOfAnswer], prompt.Length);
    }

    /// <summary>Counts the tokens of a pair.</summary>
    /// <param name="pair">The pair.</param>
    /// <returns>Tokens of the prompt, and of the translation with the one that ends it.</returns>
    public (int Prompt, int Answer) Lengths(SentencePair pair) =>
        (Prompt(pair).Length, tokenizer.EncodeText(Target(pair)).Length + 1);

    /// <summary>Builds the prompt for a pair's translation.</summary>
    /// <param name="pair">The pair.</param>
    /// <returns>The prompt's tokens.</returns>
    public int[] Prompt(SentencePair pair) => Prompt(Source(pair));

    /// <summary>Builds the prompt for a text's translation.</summary>
    /// <param name="source">The text to translate.</param>
    /// <returns>The prompt's tokens.</returns>
    public int[] Prompt(string source) => Prompt(source, int.MaxValue, out _);

    /// <summary>Builds a prompt truncated to a length, at the end of the source text.</summary>
    /// <param name="source">The text to translate.</param>
    /// <param name="longest">Most tokens of the prompt.</param>
    /// <param name="length">Tokens that it would have without truncation.</param>
    /// <returns>The prompt; longer than requested if the template alone is longer.</returns>
    public int[] Prompt(string source, int longest, out int length)
    {
        var request = tokenizer.EncodeText(Template == PromptTemplate.Chat
            ? GemmaPrompt.BuildRequest(_style, direction, source)
            : $"{GemmaPrompt.SourceLanguage(direction)}: {source.ReplaceLineEndings(" ")}");
        length = _before.Length + request.Length + _after.Length;
        var cut = Math.Min(Math.Max(0, length - longest), tokenizer.EncodeText(source).Length);
        return [.. _before, .. request.AsSpan(0, request.Length - cut), .. _after];
    }

    /// <summary>Gets the source side of a pair.</summary>
    /// <param name="pair">The pair.</param>
    /// <returns>Its text.</returns>
    public string Source(SentencePair pair) => pair.Source(direction);

    /// <summary>Gets the target side of a pair.</summary>
    /// <param name="pair">The pair.</param>
    /// <returns>Its text.</returns>
    public string Target(SentencePair pair) => pair.Target(direction);

    /// <summary>
    /// Converts an answer to one line of text. Checkpoints have rows after the last token, to round their number up;
    /// tokens of such rows are left out.
    /// </summary>
    /// <param name="tokens">The tokens that were decoded.</param>
    /// <returns>The text, without spaces around it.</returns>
    public string Answer(int[] tokens) =>
        tokenizer.Decode(Array.FindAll(tokens, token => token < tokenizer.VocabularySize))
            .ReplaceLineEndings(" ").Trim();
}
