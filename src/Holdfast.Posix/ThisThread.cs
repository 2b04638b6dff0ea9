namespace Holdfast.Posix;

/// <summary>What the machine gives the thread that calls.</summary>
public static class ThisThread
{
    /// <summary>A third of what others get while they want it, by the weights of Linux's scheduler.</summary>
    private const int Niceness = 5;

    /// <summary>Has it go behind threads that did not call this, for as long as it lives: Linux takes it for the one thread, whatever POSIX says of processes.</summary>
    /// <remarks>Where the machine does not allow it, it stays as it is: everything works as before, and no worse.</remarks>
    public static void GiveWay() => _ = NativeMethods.nice(Niceness);
}
