namespace Holdfast.Permissions.Applying;

/// <summary>
/// Finds how many threads pay: begins with one for each core, tries twice as many, and keeps them only if the rate rose by a twentieth; tries half as many, and keeps that if nothing was lost. Looks again now and then, since a
/// cold disk and a warm cache want different numbers. Pure: who calls measures.
/// </summary>
internal sealed class ThreadTuning(int cores)
{
    /// <summary>Threads must raise the rate by this to stay.</summary>
    private const double Gain = 1.05;

    /// <summary>Fewer threads are as good if the rate keeps this.</summary>
    private const double Loss = 0.98;

    /// <summary>Windows between two trials that found nothing, at first; doubled each time, up to the most.</summary>
    private const int PatienceLeast = 4;

    private const int PatienceMost = 64;

    private int _settled = Math.Max(1, cores);
    private int _tried;
    private double _rate = -1;
    private int _patience = PatienceLeast;
    private int _waited;
    private bool _upNext = true;

    /// <summary>How many threads to use in the next window.</summary>
    public int Threads => _tried > 0 ? _tried : _settled;

    /// <summary>Takes in how fast the last window went.</summary>
    /// <param name="rate">Entries a second.</param>
    /// <param name="most">How many threads are allowed now.</param>
    public void Measured(double rate, int most)
    {
        if (Threads > most)
        {
            (_settled, _tried, _rate) = (most, 0, -1);
            return;
        }

        if (_tried > 0)
        {
            Judge(rate, most);
            return;
        }

        // Between two trials the rate is that of now: what comes is not what was.
        _rate = rate;
        if (_patience == PatienceLeast || _waited++ >= _patience)
        {
            Try(most);
        }
    }

    /// <summary>Descriptors or memory ran out: one thread is enough for a while.</summary>
    public void Retreat() => (_settled, _tried, _rate, _patience, _waited) = (1, 0, -1, PatienceMost, 0);

    private void Judge(double rate, int most)
    {
        var isUp = _tried > _settled;
        var pays = isUp ? rate >= _rate * Gain : rate >= _rate * Loss;
        if (pays)
        {
            (_settled, _rate, _upNext) = (_tried, rate, isUp);
            _patience = PatienceLeast;
            Try(most);
            return;
        }

        (_tried, _waited, _upNext) = (0, 0, !isUp);
        _patience = Math.Min(PatienceMost, _patience * 2);
    }

    private void Try(int most)
    {
        var up = Math.Min(most, _settled * 2);
        var down = Math.Max(1, _settled / 2);
        _tried = _upNext && up > _settled ? up : !_upNext && down < _settled ? down : up > _settled ? up : down < _settled ? down : 0;
        _waited = 0;
    }
}
