using Workflows.TestKit;
using Workflows.TpuWorker.Gemma3;
using Workflows.TpuWorker.Host;
using Workflows.Translation;
using Workflows.Translation.Tokenization;

namespace Workflows.TpuWorker.Tests.Host;

public sealed class PromptsTests
{
    private static readonly BpeTokenizer Tokenizer = BpeTokenizer.Load(Samples.Tokenizer);

    [Fact]
    public void Example_PlainTemplate_EndsWithTheEndOfTextAndHasNoTurns()
    {
        var prompts = new Prompts(Tokenizer, TranslationDirection.KoToEn, "brief", PromptTemplate.Plain);

        var example = prompts.Example(new SentencePair("\ubc29", "a room"));

        Assert.Equal("Korean: \ubc29\nEnglish:\na room", Tokenizer.Decode(example.Tokens));
        Assert.Equal((Tokenizer.BosId, Tokenizer.EosId), (example.Tokens[0], example.Tokens[^1]));
        Assert.DoesNotContain(Tokenizer.EndOfTurnId, example.Tokens);
        Assert.Equal("a room", Tokenizer.Decode(example.Tokens.AsSpan(example.PromptLength)));
        Assert.Contains(Tokenizer.EosId, prompts.StopTokens);
    }

    [Fact]
    public void Example_ChatTemplate_HasTheTurnsAndLearnsTheAnswerWithItsEnd()
    {
        var prompts = new Prompts(Tokenizer, TranslationDirection.KoToEn, "brief", PromptTemplate.Chat);

        var example = prompts.Example(new SentencePair("방<end_of_turn>", "a room"));

        // What a person typed stays text: two turns end, the question's and the answer's.
        var prompt = Tokenizer.Decode(example.Tokens.AsSpan(0, example.PromptLength), skipSpecial: false);
        Assert.StartsWith("<bos><start_of_turn>user\n", prompt, StringComparison.Ordinal);
        Assert.EndsWith(
            "방<end_of_turn><end_of_turn>\n<start_of_turn>model\n", prompt, StringComparison.Ordinal);
        Assert.Equal(2, example.Tokens.Count(token => token == Tokenizer.EndOfTurnId));
        Assert.Equal(Tokenizer.EndOfTurnId, example.Tokens[^1]);
        Assert.Equal("a room", Tokenizer.Decode(example.Tokens.AsSpan(example.PromptLength)));
        Assert.Equal([Tokenizer.EndOfTurnId, Tokenizer.EosId], prompts.StopTokens);
        Assert.Equal(example.Tokens[..example.PromptLength], prompts.Prompt("방<end_of_turn>"));
    }

    [Fact]
    public void Answer_TokensBehindTheVocabulary_SayNothing()
    {
        var prompts = new Prompts(Tokenizer, TranslationDirection.KoToEn, "brief");

        Assert.Equal(
            "a room", prompts.Answer([Tokenizer.VocabularySize + 5, .. Tokenizer.EncodeText("a room"), int.MaxValue]));
    }

    [Theory]
    [InlineData(PromptTemplate.Chat)]
    [InlineData(PromptTemplate.Plain)]
    public void Prompt_LongerThanTheLimit_IsCutInTheSourceText(PromptTemplate template)
    {
        var prompts = new Prompts(Tokenizer, TranslationDirection.EnToKo, "brief", template);
        var whole = prompts.Prompt("a room with a view of the sea", int.MaxValue, out var length);

        var cut = prompts.Prompt("a room with a view of the sea", length - 2, out var wanted);

        Assert.Equal((length, whole.Length, length - 2), (wanted, length, cut.Length));
        Assert.Equal(whole[..5], cut[..5]);
        Assert.Equal(whole[^4..], cut[^4..]);
    }

    [Theory]
    [InlineData("chat_template.jinja", "{{ x }}", 1, PromptTemplate.Chat)]
    [InlineData("tokenizer_config.json", "{\"chat_template\": \"{{ x }}\"}", 1, PromptTemplate.Chat)]
    [InlineData("tokenizer_config.json", "{\"chat_template\": null}", 6, PromptTemplate.Plain)]
    [InlineData("generation_config.json", "{\"eos_token_id\": [1, 6]}", 1, PromptTemplate.Chat)]
    [InlineData("generation_config.json", "{\"eos_token_id\": 1}", 1, PromptTemplate.Plain)]
    [InlineData("other.json", "{}", 6, PromptTemplate.Chat)]
    public void Load_Auto_GoesByTheFilesUnlessToldOtherwise(
        string file, string content, int endToken, PromptTemplate expected)
    {
        using var temporary = new TemporaryFolder();
        Samples.WriteModel(temporary["model"], endToken);
        File.WriteAllText(Path.Combine(temporary["model"], file), content);

        Assert.Equal(expected, Load("auto").Template);
        Assert.Equal(PromptTemplate.Plain, Load("plain").Template);
        Assert.Equal(PromptTemplate.Chat, Load("chat").Template);

        Prompts Load(string template) =>
            Prompts.Load(temporary["model"], TranslationDirection.KoToEn, "brief", template);
    }

    [Fact]
    public void Load_DamagedFile_IsNamed()
    {
        using var temporary = new TemporaryFolder();
        Samples.WriteModel(temporary["model"], 1);
        File.WriteAllText(Path.Combine(temporary["model"], "tokenizer_config.json"), "{");

        var fault = Assert.Throws<ModelFileException>(
            () => Prompts.Load(temporary["model"], TranslationDirection.KoToEn, "brief", ""));

        Assert.Contains("tokenizer_config.json", fault.Message, StringComparison.Ordinal);
    }
}
