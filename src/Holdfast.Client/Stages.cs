namespace Holdfast.Client;

/// <summary>Runs stages side by side: the first that fails stops the others, and its failure is the one that is told.</summary>
internal static class Stages
{
    public static async Task RunAllAsync(CancellationTokenSource stop, params Task[] stages)
    {
        var waiting = stages.ToList();
        Exception? first = null;
        while (waiting.Count > 0)
        {
            var done = await Task.WhenAny(waiting);
            waiting.Remove(done);
            try
            {
                await done;
            }
#pragma warning disable CA1031 // Kept, and thrown once every stage has ended.
            catch (Exception exception)
#pragma warning restore CA1031
            {
                if (first is null || (first is OperationCanceledException && exception is not OperationCanceledException))
                {
                    first = exception;
                }

                await stop.CancelAsync();
            }
        }

        if (first is not null)
        {
            System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(first);
        }
    }
}
