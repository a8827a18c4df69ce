using Workflows.Samples;

return args switch
{
    ["corpus", ..] => CorpusCommand.Run(SampleFolder.Find()),
    ["tokenizer", ..] => TokenizerCommand.Run(SampleFolder.Find()),
    ["pretrain", ..] => PretrainCommand.Run(SampleFolder.Find()),
    _ => Usage(),
};

static int Usage()
{
    Console.Error.WriteLine("""
        Makes the samples of this repository again, the same on a processor of the same kind.

          corpus      writes ko-en.train.tsv, ko-en.test.tsv and general.tsv from the grammar
          tokenizer   trains tiny-gemma3/tokenizer.json on them
          pretrain    trains the checkpoint tiny-gemma3 on the general sentences alone

        Example: dotnet run -c Release --project samples/make -- corpus
        """);
    return 2;
}
