using Workflows.TestKit;
using Workflows.Translation.Tokenization;

namespace Workflows.Translation.Tests.Tokenization;

internal static class TinyTokenizer
{
    public static readonly string[] Sentences =
    [
        "체크인은 몇 시부터 가능한가요?", "What time can I check in?", "방을 취소해 주세요.", "Please cancel the room.",
        "체크아웃은 몇 시까지인가요?", "What time is check-out?", "방을 하나 더 예약해 주세요.", "Please book one more room.",
    ];

    public static BpeTokenizer Train()
    {
        using var folder = new TemporaryFolder();
        var path = Path.Combine(folder.Path, "tokenizer.json");
        BpeTrainer.Train(Sentences, new BpeTrainerOptions { VocabularySize = 400 }).Save(path);
        return BpeTokenizer.Load(path);
    }
}
