using Workflows.Translation;
using Workflows.Translation.Tokenization;
using Workflows.TpuWorker.Gemma3;
using Workflows.TpuWorker.Gemma3.Training;
using Languages = Workflows.TpuWorker.Gemma3.TranslationDirection;

namespace Workflows.TpuWorker.Host;

/// <summary>Sentence pairs as token sequences in Gemma's chat template, the same in training and in decoding.</summary>
/// <param name="tokenizer">The model's tokenizer.</param>
/// <param name="direction"><c>ko-en</c> or <c>en-ko</c>.</param>
/// <param name="style"><c>brief</c> or <c>translategemma</c>.</param>
internal sealed class Prompts(BpeTokenizer tokenizer, string direction, string style)
{
    private readonly bool _toEnglish = direction == "ko-en";
    private readonly PromptStyle _style = style == "brief" ? PromptStyle.Brief : PromptStyle.TranslateGemma;

    // The template's parts are tokenized with control tokens, what people wrote without: a sentence that spells out
    // <end_of_turn> must not end the turn. Control tokens stand at the seams, so the parts tokenize as the whole would.
    private readonly int[] _before = tokenizer.Encode($"{GemmaPrompt.BeginOfText}{GemmaPrompt.StartOfTurn}user\n");
    private readonly int[] _after = tokenizer.Encode($"{GemmaPrompt.EndOfTurn}\n{GemmaPrompt.StartOfTurn}model\n");

    /// <summary>Gets the tokens that end an answer.</summary>
    public IReadOnlyList<int> StopTokens => [tokenizer.EndOfTurnId, tokenizer.EosId];

    public TrainingExample Example(SentencePair pair)
    {
        var prompt = Prompt(pair);
        var answer = tokenizer.EncodeText(_toEnglish ? pair.En : pair.Ko);
        return new TrainingExample([.. prompt, .. answer, tokenizer.EndOfTurnId], prompt.Length);
    }

    public int[] Prompt(SentencePair pair) => Prompt(_toEnglish ? pair.Ko : pair.En);

    public int[] Prompt(string source)
    {
        var languages = _toEnglish ? Languages.KoreanToEnglish : Languages.EnglishToKorean;
        var request = GemmaPrompt.BuildRequest(_style, languages, source);
        return [.. _before, .. tokenizer.EncodeText(request), .. _after];
    }

    /// <summary>An answer as one line.</summary>
    public string Answer(int[] tokens) =>
        tokenizer.Decode(tokens).ReplaceLineEndings(" ").Trim();
}
