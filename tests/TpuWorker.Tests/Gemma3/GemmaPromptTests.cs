using Workflows.TpuWorker.Gemma3;
using Workflows.Translation;

namespace Workflows.TpuWorker.Tests.Gemma3;

public sealed class GemmaPromptTests
{
    [Fact]
    public void BuildPrompt_TranslateGemma_HasTheWordingOfItsModelCard() => Assert.Equal(
        "<bos><start_of_turn>user\nYou are a professional English (en) to Korean (ko) translator. Your goal is to "
        + "accurately convey the meaning and nuances of the original English text while adhering to Korean grammar, "
        + "vocabulary, and cultural sensitivities.\nProduce only the Korean translation, without any additional "
        + "explanations or commentary. Please translate the following English text into Korean:\n\n\nHello."
        + "<end_of_turn>\n<start_of_turn>model\n",
        GemmaPrompt.BuildPrompt(PromptStyle.TranslateGemma, TranslationDirection.EnToKo, "Hello."));

    [Fact]
    public void BuildPrompt_Brief_IsOneLine() => Assert.Equal(
        "<bos><start_of_turn>user\nTranslate Korean to English: 안녕<end_of_turn>\n<start_of_turn>model\n",
        GemmaPrompt.BuildPrompt(PromptStyle.Brief, TranslationDirection.KoToEn, "안녕"));
}
