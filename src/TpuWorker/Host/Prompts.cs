using Workflows.Translation;
using Workflows.Translation.Tokenization;
using Workflows.TpuWorker.Gemma3;
using Workflows.TpuWorker.Gemma3.Training;
using Languages = Workflows.TpuWorker.Gemma3.TranslationDirection;

namespace Workflows.TpuWorker.Host;

/// <summary>Sentence pairs as token sequences in Gemma's chat template, the same in training and in decoding.</summary>
internal sealed class Prompts(BpeTokenizer tokenizer, string direction, string style)
{
    private readonly bool _toEnglish = direction == "ko-en";
    private readonly PromptStyle _style = style == "brief" ? PromptStyle.Brief : PromptStyle.TranslateGemma;

    /// <summary>Gets the tokens that end an answer.</summary>
    public IReadOnlyList<int> StopTokens => [tokenizer.EndOfTurnId, tokenizer.EosId];

    public TrainingExample Example(SentencePair pair)
    {
        var prompt = Prompt(pair);
        var target = _toEnglish ? pair.En : pair.Ko;
        return new TrainingExample([.. prompt, .. Text(target), tokenizer.EndOfTurnId], prompt.Length);
    }

    public int[] Prompt(SentencePair pair)
    {
        var source = _toEnglish ? pair.Ko : pair.En;
        var text = GemmaPrompt.BuildPrompt(
            _style, _toEnglish ? Languages.KoreanToEnglish : Languages.EnglishToKorean, source);
        return ContainsControl(source)
            ? [.. tokenizer.Encode($"{GemmaPrompt.BeginOfText}{GemmaPrompt.StartOfTurn}user\n"),
                .. tokenizer.EncodeText(GemmaPrompt.BuildRequest(
                    _style, _toEnglish ? Languages.KoreanToEnglish : Languages.EnglishToKorean, source)),
                .. tokenizer.Encode($"{GemmaPrompt.EndOfTurn}\n{GemmaPrompt.StartOfTurn}model\n")]
            : tokenizer.Encode(text);
    }

    /// <summary>An answer as one line.</summary>
    public string Answer(int[] tokens) =>
        tokenizer.Decode(tokens).ReplaceLineEndings(" ").Trim();

    private int[] Text(string text) =>
        ContainsControl(text) ? tokenizer.EncodeText(text) : tokenizer.Encode(text);

    /// <summary>A sentence that spells out a control token must not become one: it would end the turn.</summary>
    private bool ContainsControl(string text) =>
        text.Contains('<', StringComparison.Ordinal) && tokenizer.Encode(text).Any(tokenizer.IsSpecial);
}
